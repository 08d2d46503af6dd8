#!/bin/sh
# Repairs a virtual environment whose project folder was renamed or moved: writes the new path over the old one in its
# scripts and path files. Needs no network. tools/moved.sh VENV OLD NEW
set -eu
venv=$1 old=$2 new=$3
find "$venv/bin" -maxdepth 1 -type f ! -type l -exec grep -lIF "$old" {} + 2>/dev/null |
  while read -r file; do sed -i.moved "s|$old|$new|g" "$file" && rm -f "$file.moved"; done
find "$venv"/lib/*/site-packages -maxdepth 2 \( -name '*.pth' -o -name 'direct_url.json' -o -name '__editable__*' \) \
  -exec grep -lIF "$old" {} + 2>/dev/null |
  while read -r file; do sed -i.moved "s|$old|$new|g" "$file" && rm -f "$file.moved"; done
printf '%s' "$new" >"$venv/place"
