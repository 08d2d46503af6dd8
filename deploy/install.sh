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
# The wheel compiles proto/ with build tools that live only as long as the build.
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps "$here"
# pip has done its work and would only be something to attack.
"$folder/bin/pip" uninstall --quiet --yes pip setuptools 2>/dev/null || "$folder/bin/pip" uninstall --quiet --yes pip
"$folder/bin/python" -c 'import antiphon.v1.inference_service_pb2_grpc'
