# Start Redis as what the sentinels say it is: the primary, or a replica of it.
set -eu
. /etc/redis-files/common.sh
rm -f /tmp/redis.conf
{
  cat /etc/redis-files/redis.conf
  echo "requirepass $REDISCLI_AUTH"
  echo "masterauth $REDISCLI_AUTH"
  echo "replica-announce-ip $ME"
} > /tmp/redis.conf

first="$(echo "$PEERS" | cut -d ' ' -f 1)"
now="$(primary || true)"
# Named as the primary but without its data: the others have them, so one of them has to lead.
waited=0
while [ "$now" = "$ME" ] && [ -z "$(ls -A /data)" ] && [ "$waited" -lt 30 ]; do
  redis-cli -h "$(echo "$PEERS" | tr ' ' '\n' | grep -v "^$ME\$" | head -n 1)" -p 26379 sentinel failover "$STORE" >/dev/null 2>&1 || true
  sleep 1
  waited=$((waited + 1))
  now="$(primary || true)"
done
[ -n "$now" ] || now="$first"
if [ "$now" != "$ME" ]; then
  echo "replicaof $now 6379" >> /tmp/redis.conf
fi
exec redis-server /tmp/redis.conf
