# A sentinel is of use once it knows who leads.
. /etc/redis-files/common.sh
timeout 3 redis-cli -p 26379 --raw sentinel get-master-addr-by-name "$STORE" | grep -q .
