#!/bin/sh
# Makes the files that docker-compose.yml mounts as secrets, empty where there is none yet.
# An empty file means: no such token. The folder is yours alone; the files must be readable in the containers.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)/secrets
mkdir -p "$folder"
chmod 700 "$folder"
for name in discord_token groq_api_key gemini_api_key mistral_api_key openrouter_api_key cerebras_api_key \
  cloudflare_api_token openai_api_key deepinfra_api_key hf_token1 hf_token2; do
  [ -e "$folder/$name" ] || : >"$folder/$name"
  chmod 644 "$folder/$name"
done
echo "write your tokens into $folder"
