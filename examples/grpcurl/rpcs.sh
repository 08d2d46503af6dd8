#!/bin/sh
# One example for each RPC. The service answers reflection, so no file of the contract is needed.
set -eu
target=${1:-127.0.0.1:50551}

# --- Chat
grpcurl -plaintext -d '{"model": "chat", "messages": [{"role": "ROLE_USER", "parts": [{"text": "Why is the sky blue?"}]}]}' \
  "$target" antiphon.v1.InferenceService/Chat

# --- Complete
grpcurl -plaintext -d '{"model": "chat", "messages": [{"role": "ROLE_USER", "parts": [{"text": "Why is the sky blue?"}]}], "sampling": {"maxTokens": 200}}' \
  "$target" antiphon.v1.InferenceService/Complete

# --- Image
grpcurl -plaintext -max-msg-sz 16777216 -d '{"model": "image", "prompt": "a red fox in snow", "aspectRatio": {"horizontal": 16, "vertical": 9}}' \
  "$target" antiphon.v1.InferenceService/Image

# --- Embed
grpcurl -plaintext -d '{"model": "embed", "inputs": ["a red fox", "a blue whale"]}' \
  "$target" antiphon.v1.InferenceService/Embed

# --- Transcribe
grpcurl -plaintext -d "{\"model\": \"transcribe\", \"audio\": {\"mimeType\": \"audio/ogg\", \"data\": \"$(base64 -w0 < "${2:-voice.ogg}")\"}}" \
  "$target" antiphon.v1.InferenceService/Transcribe

# --- CountTokens
grpcurl -plaintext -d '{"model": "chat", "messages": [{"role": "ROLE_USER", "parts": [{"text": "Why is the sky blue?"}]}]}' \
  "$target" antiphon.v1.InferenceService/CountTokens

# --- ListModels
grpcurl -plaintext -d '{"task": "TASK_CHAT"}' "$target" antiphon.v1.InferenceService/ListModels

# --- GetUsage
grpcurl -plaintext -d '{"groupBy": ["USAGE_DIMENSION_DAY", "USAGE_DIMENSION_MODEL"]}' \
  "$target" antiphon.v1.InferenceService/GetUsage

# --- GetStatus
grpcurl -plaintext "$target" antiphon.v1.OperationsService/GetStatus

# --- WatchStatus
grpcurl -plaintext -max-time 1 -d '{"interval": "0.25s"}' "$target" antiphon.v1.OperationsService/WatchStatus || true

# --- ReloadConfig
grpcurl -plaintext "$target" antiphon.v1.OperationsService/ReloadConfig

# --- end
