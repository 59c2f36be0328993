# Start a sentinel that watches the primary the others name, else the first pod.
set -eu
. /etc/redis-files/common.sh
now="$(primary || true)"
[ -n "$now" ] || now="$(echo "$PEERS" | cut -d ' ' -f 1)"
# A name that does not resolve yet would end the sentinel.
until getent hosts "$now" >/dev/null 2>&1 || nslookup "$now" >/dev/null 2>&1; do sleep 1; done
rm -f /tmp/sentinel.conf
{
  cat /etc/redis-files/sentinel.conf
  echo "requirepass $REDISCLI_AUTH"
  echo "sentinel sentinel-pass $REDISCLI_AUTH"
  echo "sentinel announce-ip $ME"
  echo "sentinel monitor $STORE $now 6379 $(cat /etc/redis-files/quorum)"
  echo "sentinel auth-pass $STORE $REDISCLI_AUTH"
  cat /etc/redis-files/watch.conf
} > /tmp/sentinel.conf
exec redis-server /tmp/sentinel.conf --sentinel
