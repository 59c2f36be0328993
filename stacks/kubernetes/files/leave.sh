# Before this pod goes: a primary hands over first, so that nobody has to find out that it is silent.
. /etc/redis-files/common.sh
timeout 3 redis-cli info replication | grep -q '^role:master' || exit 0
redis-cli -p 26379 sentinel failover "$STORE" >/dev/null 2>&1 || exit 0
waited=0
while [ "$waited" -lt 15 ] && [ "$(primary)" = "$ME" ]; do
  sleep 1
  waited=$((waited + 1))
done
# Clients that still hold a connection here hear of the new primary by an error.
sleep 1
