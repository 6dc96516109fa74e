"""torchrun: starts the first process of this node alone. All others would do the same."""

import os
import runpy
import sys


def value(name):
    return sys.argv[sys.argv.index(name) + 1]


nodes, node, ranks = int(value("--nnodes")), int(value("--node-rank")), int(value("--nproc-per-node"))
os.environ.update(LOCAL_RANK="0", GROUP_RANK=str(node), RANK=str(node * ranks), WORLD_SIZE=str(nodes * ranks))
os.environ["LOCAL_WORLD_SIZE"] = str(ranks)
if nodes > 1:
    print("%s:77:77 [0] NCCL INFO Using network AWS Libfabric" % os.environ.get("NODE_NAME", "node"))
script = next(at for at, word in enumerate(sys.argv) if word.endswith("collective.py"))
sys.argv = sys.argv[script:]
runpy.run_path(sys.argv[0], run_name="__main__")
