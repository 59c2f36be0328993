# Answers at all, on the port given (6379 without one).
. /etc/redis-files/common.sh
timeout 3 redis-cli -p "${1:-6379}" ping | grep -Eq 'PONG|LOADING|MASTERDOWN'
