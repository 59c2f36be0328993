#!/bin/sh
# A container engine that keeps its containers as files: $ENGINE/<name> holds project, part, stack and state, one a line.
state() { sed -n 4p "$ENGINE/$1"; }
# Written beside the folder and moved: who lists the containers meanwhile never reads half of one.
set_state() { sed "4s/.*/$2/" "$ENGINE/$1" > "$ENGINE.$1.$$" && mv "$ENGINE.$1.$$" "$ENGINE/$1"; }
refuse() { echo "$1" >&2; exit 1; }
[ ! -e "$ENGINE.down" ] || refuse "Cannot connect to the Docker daemon"
case "$*" in
  *"up -d"*)
    while [ $# -gt 0 ]; do case $1 in -p) project=$2; shift ;; -f) file=$2; shift ;; esac; shift; done
    [ ! -e "$ENGINE.fails-$project" ] || refuse "no space left on device"
    for name in $(sed -n 's/.*container_name: //p' "$file"); do
      printf '%s\n' "$project" "${project##*-}" "${project%-*}" running > "$ENGINE.$name.$$" && mv "$ENGINE.$name.$$" "$ENGINE/$name"
    done ;;
  *"config -q"*) ;;
  "ps -aq --no-trunc"*) ls "$ENGINE" ;;
  "inspect --format {{json .Name}}"*)
    shift 3; for name; do printf '"/%s" "older" "older" {"io.cmctl.part":"%s"}\n' "$name" "$(sed -n 2p "$ENGINE/$name")"; done ;;
  "ps -aq"* | "ps -q"*)
    project=${4##*=}; for f in "$ENGINE"/*; do [ -f "$f" ] && [ "$(head -1 "$f")" = "$project" ] && basename "$f"; done; true ;;
  "ps -a"*)
    for f in "$ENGINE"/*; do [ -f "$f" ] && printf '{"Names":"%s","Image":"i","State":"%s","Status":"Up","Labels":"io.cmctl.part=%s"}\n' \
      "$(basename "$f")" "$(sed -n 4p "$f")" "$(sed -n 2p "$f")"; done; true ;;
  "stop "*) shift; for name; do set_state "$name" exited; done ;;
  "rm "*) shift 2; for name; do rm -f "$ENGINE/$name"; done ;;
  "exec "*" ask "*)
    while [ "$1" != ask ]; do shift; done; shift
    for url; do name=${url#http://}; name=${name%%/*}; { [ -f "$ENGINES/$name" ] || ls "$ENGINES"/*/"$name"; } > /dev/null 2>&1 &&
      [ "$(sed -n 4p "$ENGINES"/*/"$name")" = running ] && [ ! -e "$ENGINES/never-ready-$name" ] || echo "$url"; done ;;
  "exec "*wget*) [ ! -e "$ENGINE.ill" ] || refuse "server returned error: HTTP/1.1 500" ;;
  "logs "*) cat "$ENGINE.log" 2>/dev/null ;;
  "image inspect"*) shift 4; printf '%s\n' "$@" ;;
  "inspect "*) echo "exited, exit 1, restarts 0" ;;
  *) ;;
esac
