#!/bin/sh
# Written by cmctl: change the environment's file, not this one. `apply` (the default) may be run at any time; `off` takes it away.
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
off() {
  for chain in "$@"; do $tables -w 10 -F "$chain" 2>/dev/null && $tables -w 10 -X "$chain" || true; done
}
unask() { while $tables -w 10 -D "$1" -j "$2" 2>/dev/null; do :; done; }
# Asked before all but the rules of fail2ban: a banned address stays out.
ask() {
  rules=$($tables -w 10 -S "$1" | grep '^-A' || true)
  [ "$(echo "$rules" | grep -v -- '-j f2b-' | head -n 1)" = "-A $1 -j $2" ] && return
  unask "$1" "$2"
  before=$(echo "$rules" | grep -c -- '-j f2b-' || true)
  $tables -w 10 -I "$1" $((before + 1)) -j "$2"
}
if [ "${1:-apply}" = off ]; then
  for tables in iptables ip6tables; do unask INPUT CMCTL-INPUT; done
  tables=iptables; unask DOCKER-USER CMCTL-FORWARD
  for tables in iptables ip6tables; do off CMCTL-INPUT CMCTL-FORWARD; done
  exit 0
fi
tables=iptables
iptables-restore -w 10 --noflush << 'RULES'
*filter
:CMCTL-INPUT - [0:0]
:CMCTL-FORWARD - [0:0]
-A CMCTL-INPUT -i lo -j ACCEPT
-A CMCTL-INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CMCTL-INPUT -p icmp -j ACCEPT
-A CMCTL-INPUT -s 10.77.0.11 -p tcp --dport 20200 -j ACCEPT
-A CMCTL-INPUT -s 10.77.0.12 -p tcp --dport 20200 -j ACCEPT
-A CMCTL-INPUT -p tcp --dport 22 -j ACCEPT
-A CMCTL-INPUT -p tcp --dport 443 -j ACCEPT
-A CMCTL-INPUT -j DROP
-A CMCTL-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A CMCTL-FORWARD -i docker0 -j RETURN
-A CMCTL-FORWARD -i br-+ -j RETURN
-A CMCTL-FORWARD -s 10.77.0.11 -p tcp -m conntrack --ctstate DNAT --ctorigdstport 20200 -j RETURN
-A CMCTL-FORWARD -s 10.77.0.12 -p tcp -m conntrack --ctstate DNAT --ctorigdstport 20200 -j RETURN
-A CMCTL-FORWARD -p tcp -m conntrack --ctstate DNAT --ctorigdstport 22 -j RETURN
-A CMCTL-FORWARD -p tcp -m conntrack --ctstate DNAT --ctorigdstport 443 -j RETURN
-A CMCTL-FORWARD -o docker0 -j DROP
-A CMCTL-FORWARD -o br-+ -j DROP
COMMIT
RULES
$tables -w 10 -n -L DOCKER-USER > /dev/null 2>&1 || $tables -w 10 -N DOCKER-USER
ask INPUT CMCTL-INPUT
ask DOCKER-USER CMCTL-FORWARD
[ -e /proc/net/if_inet6 ] || exit 0
tables=ip6tables
ip6tables-restore -w 10 --noflush << 'RULES'
*filter
:CMCTL-INPUT - [0:0]
-A CMCTL-INPUT -i lo -j ACCEPT
-A CMCTL-INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CMCTL-INPUT -p ipv6-icmp -j ACCEPT
-A CMCTL-INPUT -p udp -s fe80::/10 --dport 546 -j ACCEPT
-A CMCTL-INPUT -p tcp --dport 22 -j ACCEPT
-A CMCTL-INPUT -p tcp --dport 443 -j ACCEPT
-A CMCTL-INPUT -j DROP
COMMIT
RULES
ask INPUT CMCTL-INPUT
