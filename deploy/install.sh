#!/bin/sh
# Installs one part of Antiphon into its own virtual environment: the steps of the images and of the gate.
#   deploy/install.sh service|bot FOLDER
# Needs Python 3.11 or newer; PYTHON names another interpreter.
set -eu
part=$1
folder=$2
here=$(cd "$(dirname "$0")/.." && pwd)
case $part in service | bot) ;; *) echo "install.sh: the part is service or bot, not $part" >&2; exit 2 ;; esac

"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r "$here/requirements/$part.lock"
# The wheel is built by locked tools, in an environment that lives only as long as the build.
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
"${PYTHON:-python3}" -m venv "$build/env"
"$build/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r "$here/requirements/build.lock"
PATH="$build/env/bin:$PATH" "$build/env/bin/pip" wheel --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation \
  --wheel-dir "$build" "$here"
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps "$build"/antiphon-*.whl
# pip has done its work and would only be something to attack.
"$folder/bin/pip" uninstall --quiet --yes pip setuptools 2>/dev/null || "$folder/bin/pip" uninstall --quiet --yes pip
"$folder/bin/python" -c 'import antiphon.v1.inference_service_pb2_grpc'
