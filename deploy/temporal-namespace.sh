#!/bin/sh
# The namespace and the search attributes that our workflows set; safe to repeat.
set -eu
export TEMPORAL_ADDRESS=temporal:7233
temporal operator namespace describe -n holdfast ||
  temporal operator namespace create -n holdfast --retention 30d
for name in Organization Site Station SessionState PaymentState Attention; do
  temporal operator search-attribute create -n holdfast --name "$name" --type Keyword || true
done
temporal operator search-attribute list -n holdfast
