"""What the real scripts print on a p5.48xlarge: runs run.sh on a make-believe machine, one line of JSON for each recording.

The scripts, their parts as processes, their line and its limit are the real ones. What they ask is answered by recorded outputs
of the tools (testdata/), by GPUs made of numbers (machine/torch), by folders in place of /sys, and by a clock that moves only
when something takes time: so every recording is the same each time. The result is checked in, and test/checks/recordings.test.ts
compares the two:

    python3 checks/tests/recording/record.py > checks/testdata/messages-p5.jsonl
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKS = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(CHECKS, "testdata")
GPUS, EFAS, DISKS = 8, 32, 8
DISK_SECTORS = 3_840_000_000_000 // 512
#: What an image with PyTorch, NCCL and EFA carries; DCGM, fio and chrony are in none of those that we name.
PROGRAMS = ("awk", "cat", "dirname", "sh", "uname")
RUN_SECONDS = 120

#: nvidia-smi of a healthy node; of one whose GPU 5 has seen three uncorrected ECC errors since the driver was loaded.
SMI = """#!/bin/sh
case "$*" in
  *remapped*) cat "$DATA/smi-remapped-h100.csv";;
  *"nvlink -s"*) cat "$DATA/smi-nvlink-h100.txt";;
  *"nvlink -e"*) awk '/Errors:/ { $NF = 0 } 1' "$DATA/smi-nvlink-errors.txt";;
  *serial*) awk -F ', ' -v OFS=', ' -v errors="${MACHINE_ECC_ERRORS:-0}" '$1 == 5 { $7 = errors } 1' "$DATA/smi-query-h100.csv";;
  *) cat "$DATA/smi-load-h100.csv";;
esac
"""
TOOLS = {
    "nvidia-smi": SMI,
    "fi_info": '#!/bin/sh\ncat "$DATA/fi-info-p5.txt"\n',
    # The table is of another type; a p5's EFA gives 61.2 Gbit/s here, as HEALTHY_P5 in lib/controllers/node-health/testing.ts.
    "fi_pingpong": """#!/bin/sh\nawk '$1 == "1m" { $6 = "7650.00" } 1' "$DATA/fi-pingpong-efa.txt"\n""",
}

SICK_GPU = {"MACHINE_ECC_ERRORS": "3"}
SLOW_LINK = {"MACHINE_NETWORK_SLOWER": "3"}
#: Check, nodes, what is wrong, and how the machine is told.
RECORDINGS = (
    ("one-node", 1, "", {}),
    ("one-node", 1, "bad-gpu", SICK_GPU),
    ("pair", 2, "", {}),
    ("pair", 2, "slow-link", SLOW_LINK),
    ("whole", 8, "", {}),
    ("whole", 8, "slow-link", SLOW_LINK),
)
LEVELS = ("quick", "standard")


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def furnish(root):
    """The files of the machine: kernel log, devices, disks, network."""
    write(root + "/proc/sys/kernel/random/boot_id", "boot-0\n")
    shutil.copyfile(os.path.join(DATA, "dmesg-clean.txt"), root_file(root, "/dev/kmsg"))
    for gpu in range(GPUS):
        write(root + "/dev/nvidia%d" % gpu, "")
    for disk in range(DISKS):
        controller = root + "/sys/class/nvme/nvme%d" % disk
        write(controller + "/model", "Amazon EC2 NVMe Instance Storage\n")
        write(controller + "/nvme%dn1/size" % disk, "%d\n" % DISK_SECTORS)
    for name, text in (("operstate", "up\n"), ("mtu", "9001\n"), ("device/vendor", "0x1d0f\n")):
        write(root + "/sys/class/net/eth0/" + name, text)
    for efa in range(EFAS):
        device = root + "/sys/class/infiniband/rdmap%d" % efa
        write(device + "/device/vendor", "0x1d0f\n")
        for counter in ("rx_drops", "rdma_read_wr_err", "rdma_write_wr_err", "retrans_timeout_events"):
            write(device + "/ports/1/hw_counters/" + counter, "0\n")


def root_file(root, path):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    return root + path


def programs(folder):
    """The only programs there are."""
    for name in PROGRAMS:
        os.symlink(shutil.which(name), os.path.join(folder, name))
    write(os.path.join(folder, "python3"), '#!/bin/sh\nexec "%s" "$@"\n' % sys.executable, 0o755)
    for name, script in TOOLS.items():
        write(os.path.join(folder, name), script, 0o755)


def record(check, nodes, level, told):
    """One line, as the kubelet would find it."""
    with tempfile.TemporaryDirectory() as folder:
        root, tools = os.path.join(folder, "root"), os.path.join(folder, "bin")
        os.makedirs(tools)
        furnish(root)
        programs(tools)
        write(folder + "/clock", "0")
        own = {
            "PATH": tools,
            "PYTHONPATH": os.path.join(HERE, "machine"),
            "DATA": DATA,
            "MACHINE_ROOT": root,
            "MACHINE_CLOCK": folder + "/clock",
            "TERMINATION_LOG": folder + "/termination-log",
            "TMPDIR": folder,
        }
        # As check-pod.ts tells it.
        asked = {"CHECK": check, "LEVEL": level, "ACCELERATOR": "nvidia", "EFA": "1", "NODE_NAME": "node-0"}
        asked.update(NODES=str(nodes), NODE_RANK="0", MASTER_ADDR="node-0", MASTER_PORT="29400", TEST="v-r1-0")
        asked["PEERS"] = " ".join("node-%d" % node for node in range(nodes))
        run = ["/bin/sh", os.path.join(CHECKS, "run.sh")]
        done = subprocess.run(run, env={**own, **asked, **told}, capture_output=True, text=True, timeout=RUN_SECONDS)
        if done.returncode != 0:
            raise SystemExit("%s: exit %d\n%s" % (check, done.returncode, done.stderr))
        with open(own["TERMINATION_LOG"]) as file:
            return file.read()


def main():
    for level in sys.argv[1:] or LEVELS:
        for check, nodes, ailment, told in RECORDINGS:
            line = record(check, nodes, level, told)
            print(json.dumps({"check": check, "level": level, "ailment": ailment, "line": line}), flush=True)


if __name__ == "__main__":
    main()
