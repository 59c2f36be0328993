# Shared by the scripts beside it; POSIX sh.
REDISCLI_AUTH="$(cat /run/secrets/REDIS_PASSWORD)"
export REDISCLI_AUTH
ME="$(hostname)${SUFFIX:-}"

# The primary's name as most sentinels that answer have it; nothing when none answers.
primary() {
  for peer in ${PEERS:-}; do
    timeout 2 redis-cli -h "$peer" -p 26379 --raw sentinel get-master-addr-by-name "$STORE" 2>/dev/null | head -n 1
  done | grep -v '^$' | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}
