#!/bin/sh
# Create and update Temporal's two databases; safe to repeat.
set -eu
schema=/etc/temporal/schema/postgresql/v12
for name in temporal visibility; do
  database=temporal
  [ "$name" = visibility ] && database=temporal_visibility
  tool="temporal-sql-tool --plugin postgres12 --ep $POSTGRES_HOST -u $POSTGRES_USER -p 5432 --db $database"
  $tool create || true
  $tool setup-schema -v 0.0 || true
  $tool update-schema -d "$schema/$name/versioned"
done
