#!/bin/sh
# Puts libtorch (PyTorch's C++ library), which the built-in models are linked against, into ./.venv.
#
#   scripts/setup-torch.sh            what `cargo build -p temper-runner --features torch` needs (1 GB on disk)
#   scripts/setup-torch.sh --python   and what `import torch` needs in .venv/bin/python (3 GB more)
#   scripts/setup-torch.sh --cuda     everything, CUDA's libraries included
#
# Where the machine has an NVIDIA GPU all install everything. Done already: returns
# at once. PYTHON names the interpreter to use (default python3).
set -eu

torch_version=2.11.0 # the one tch 0.24 is written for
cuda_version=13.0.2  # the cuda-toolkit that this torch wheel asks for
want=libtorch
case "${1-}" in
'') ;;
--python) want=python ;;
--cuda) want=cuda ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
mkdir -p .cache

# Two at once (a build and a test, say) would write into the same folder.
if command -v flock >/dev/null; then
    exec 9>.cache/setup-torch.lock
    flock 9
fi

if command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; then
    want=cuda
fi

done_mark=.venv/temper-torch
# A bigger set serves a smaller wish. The mark is written last, so an interrupted install is taken up again.
have=$(cat "$done_mark" 2>/dev/null || true)
case "$have/$want" in
"$torch_version cuda/"* | "$torch_version python/python" | "$torch_version python/libtorch" | "$torch_version libtorch/libtorch")
    echo "libtorch $torch_version is in .venv already (${have#* })"
    exit 0
    ;;
esac

if ! command -v "$python" >/dev/null; then
    echo "error: no $python here; libtorch comes as a Python package (Debian: apt-get install python3 python3-venv)" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "error: $python cannot make virtual environments; Debian: apt-get install python3-venv" >&2
    exit 1
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv

install() {
    # pip's report of what else the packages would like is shown only when it fails: leaving that out is the point.
    PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet "$@" 2>.venv/pip.log || {
        cat .venv/pip.log >&2
        exit 1
    }
}

echo "installing libtorch $torch_version ($want) into .venv"
rm -f "$done_mark"
case "$want" in
cuda)
    install "torch==$torch_version" numpy
    ;;
*)
    # libtorch_cpu itself is linked against two small CUDA libraries, the runtime and the profiler.
    install --no-deps "torch==$torch_version"
    install --no-deps "nvidia-cuda-runtime==13.0.*" "nvidia-cuda-cupti==13.0.*"
    ;;
esac
if [ "$want" = python ]; then
    # The Python module is linked against libtorch_cuda and so against these, GPU or not; Triton, cuSOLVER and
    # NVRTC are only opened when used.
    install --no-deps nvidia-cudnn-cu13==9.19.0.56 nvidia-cusparselt-cu13==0.8.0 nvidia-nccl-cu13==2.28.9 \
        nvidia-nvshmem-cu13==3.4.5
    install "cuda-toolkit[cublas,cufft,cufile,curand,cusparse,nvjitlink]==$cuda_version"
    install filelock fsspec jinja2 networkx numpy sympy typing-extensions
fi
if [ "$want" != libtorch ]; then
    .venv/bin/python -c 'import numpy, torch; torch.ones(2, 2) @ torch.ones(2, 2)'
fi

# A path without Python's version in it: .cargo/config.toml names it.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
case "$site" in
"$PWD"/.venv/*) target=${site#"$PWD"/.venv/}/torch ;;
*) target=$site/torch ;;
esac
ln -sfn "$target" .venv/libtorch
[ -e .venv/libtorch/lib/libtorch_cpu.so ] || {
    echo "error: the torch package has no lib/libtorch_cpu.so; remove .venv and run this again" >&2
    exit 1
}
echo "$torch_version $want" >"$done_mark"
echo "libtorch $torch_version is in .venv ($want, $(du -shL .venv | cut -f1)); cargo finds it by .cargo/config.toml"
