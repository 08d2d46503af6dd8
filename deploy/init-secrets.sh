#!/bin/sh
# Makes the files that docker-compose.yml mounts as secrets. What needs no person is generated once: the token between bot
# and service, passwords, certificates for the profile tls. Run it again after an update: it keeps what is there.
# An empty file means: no such token. The folder is yours alone; the files must be readable in the containers.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)/secrets
mkdir -p "$folder/tls"
chmod 700 "$folder"
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

for name in discord_token groq_api_key gemini_api_key mistral_api_key openrouter_api_key cerebras_api_key \
  cloudflare_api_token openai_api_key deepinfra_api_key hf_token1 hf_token2; do
  [ -e "$folder/$name" ] || : >"$folder/$name"
done
for name in caller_token database_password grafana_password; do
  [ -s "$folder/$name" ] || random >"$folder/$name"
done
printf 'postgresql+asyncpg://antiphon:%s@postgres/antiphon' "$(cat "$folder/database_password")" >"$folder/database_url"
printf '# docker-compose.yml asks for this file, so that a forgotten deploy/init-secrets.sh is noticed.\n' \
  >"$folder/made-by-init-secrets.sh.env"

if [ ! -e "$folder/tls/ca.pem" ] && command -v openssl >/dev/null; then
  (
    cd "$folder/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=Antiphon of this host" \
      -keyout ../ca.key -out ca.pem 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=antiphon" -keyout antiphon.key -out request.pem 2>/dev/null
    printf 'subjectAltName=DNS:antiphon,DNS:localhost,IP:127.0.0.1\n' >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ../ca.key -CAcreateserial -days 825 -extfile extensions -out antiphon.pem 2>/dev/null
    rm -f request.pem extensions ca.srl
  )
fi
find "$folder" -type f -exec chmod 644 {} +
[ ! -e "$folder/ca.key" ] || chmod 600 "$folder/ca.key"  # signs; no container needs it
chmod 755 "$folder/tls"
echo "write your tokens into $folder"
