# A primary that answers, or a replica whose copy is whole and linked.
. /etc/redis-files/common.sh
state="$(timeout 3 redis-cli info replication)" || exit 1
echo "$state" | grep -q '^role:master' || echo "$state" | grep -q '^master_link_status:up'
