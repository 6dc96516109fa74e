#!/bin/sh
# What a check pod runs. Which check, at which level and for which hardware is in its environment; the words are in README.md.
#
#   CHECK        one-node (default) | pair | whole
#   LEVEL        quick | standard (default) | deep
#   ACCELERATOR  nvidia | neuron | none
#
# It measures and never judges. Exit code 0 means that a line was written, not that the node is healthy.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
log=${TERMINATION_LOG:-/dev/termination-log}
export LEVEL="${LEVEL:-standard}" CHECK="${CHECK:-one-node}"

# A line that needs no Python, for an image that has none: this too is a missing tool, never a verdict.
no_python() {
  boot=
  read -r boot </proc/sys/kernel/random/boot_id || true
  line="{\"v\":1,\"level\":\"$LEVEL\",\"check\":\"$CHECK\",\"node\":\"${NODE_NAME:-$(uname -n)}\",\"bootId\":\"$boot\",\"m\":{},"
  line="$line\"errors\":[{\"check\":\"run.python\",\"kind\":\"missing-tool\",\"text\":\"python3\"}]}"
  printf '%s\n' "$line"
  printf '%s' "$line" >"$log" || true
  exit 0
}

python=$(command -v python3) || no_python

# The scripts come from a ConfigMap, which is read-only.
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"

case "$CHECK" in
  one-node) exec "$python" "$here/one_node.py" --level "$LEVEL" ;;
  pair | whole) exec "$python" "$here/many_nodes.py" ;;
  *)
    echo "run.sh: no check is called '$CHECK' (one-node, pair, whole)" >&2
    exit 64
    ;;
esac
