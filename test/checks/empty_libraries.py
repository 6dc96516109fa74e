"""Makes PyTorch's Linux wheel importable without its gigabytes of NVIDIA libraries, for tests on machines without GPUs.

The wheel for CPUs only is in no index that pip asks by default; the one there is linked against libcudart, libcublas and
a dozen more, 2.5 GB of packages that a test with the gloo backend never calls. So the loader gets empty libraries of the
same names: every function in them returns 100, cudaErrorNoDevice, and torch sees a machine without a GPU, as it is.

    python3 empty_libraries.py SITE     writes them into SITE/torch/lib; needs cc, nm and readelf
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

NVIDIA = re.compile(r"^lib(cu|nv|nccl)")
#: Symbols without a version in the wheel's libraries; any library may define them.
BARE = re.compile(r"^(cu|nccl|nv)")
VERSION_FILES = {"NVSHMEM": "libnvshmem_host.so.3"}


def said(*command):
    """What a program prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def needed(libraries):
    """Names of NVIDIA's libraries that the wheel's want and that do not lie beside them."""
    names = set()
    for library in libraries:
        names |= set(re.findall(r"NEEDED.*\[(.*)\]", said("readelf", "-dW", library)))
    beside = {os.path.basename(library) for library in libraries}
    return sorted(name for name in names if NVIDIA.match(name) and name not in beside)


def undefined(libraries):
    """Symbols with their version that none of the wheel's libraries defines."""
    wanted, defined = set(), set()
    for library in libraries:
        for line in said("nm", "-D", library).splitlines():
            kind, symbol = line.split()[-2:]
            if kind == "U":
                wanted.add(symbol)
            elif kind not in "wv":
                defined.add(symbol.partition("@")[0])
    pairs = (symbol.partition("@")[::2] for symbol in wanted)
    return sorted((name, version.lstrip("@")) for name, version in pairs if name not in defined)


def build(folder, library, symbols, version):
    """Compiles one empty library."""
    with tempfile.TemporaryDirectory() as work:
        source, script = os.path.join(work, "empty.c"), os.path.join(work, "versions")
        with open(source, "w") as file:
            file.write("".join("int %s(void) { return 100; }\n" % symbol for symbol in symbols))
        options = []
        if version:
            with open(script, "w") as file:
                file.write("%s { global: *; };\n" % version)
            options = ["-Wl,--version-script=" + script]
        command = ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", "-Wl,-soname," + library]
        subprocess.run(command + ["-o", os.path.join(folder, library), source] + options, check=True)


def main(site):
    """All of them."""
    folder = os.path.join(site, "torch", "lib")
    libraries = sorted(glob.glob(os.path.join(folder, "*.so*")))
    names = needed(libraries)
    symbols = {name: [] for name in names}
    versions = {}
    for symbol, version in undefined(libraries):
        library = VERSION_FILES.get(version, version)
        if library in symbols:
            symbols[library].append(symbol)
            versions[library] = version
        elif not version and BARE.match(symbol):
            symbols[names[0]].append(symbol)
    for name in names:
        build(folder, name, symbols[name], versions.get(name))


if __name__ == "__main__":
    main(sys.argv[1])
