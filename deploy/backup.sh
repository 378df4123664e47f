#!/usr/bin/env bash
# Copies what cannot be made again: the audit's database, its key, the registry's database and its artefacts.
#
#   deploy/backup.sh FOLDER      a new folder; it is complete when its file `complete` is there
#
# From the environment, as the server and MLflow have them:
#   ACRCAST_DATABASE             sqlite:///PATH or postgresql://...
#   ACRCAST_AUDIT_KEY_FILE       the audit's key: whoever has it and the database can read what was recorded
#   REGISTRY_DATABASE            the same of MLflow's database; left out when unset
#   REGISTRY_ARTEFACTS           MLflow's folder of artefacts; left out when unset, as with an object store
# Servers may go on: each database is copied as of one moment. Keep the key apart from the rest.
set -euo pipefail
folder=${1:?usage: backup.sh FOLDER}
mkdir -m 0700 "$folder"

copy_database() { # ADDRESS NAME
  case $1 in
    sqlite:///*) sqlite3 "${1#sqlite:///}" ".timeout 10000" ".backup '$folder/$2.sqlite'" ;;
    postgresql*://*) pg_dump --format=custom --no-owner --file="$folder/$2.dump" --dbname="postgresql://${1#*://}" ;;
    *) echo "backup.sh: $2: expected sqlite:///PATH or postgresql://..." >&2; exit 2 ;;
  esac
}

# the registry first: a model that the audit names is then in it, or was never registered
if [[ -n ${REGISTRY_DATABASE:-} ]]; then copy_database "$REGISTRY_DATABASE" registry; fi
if [[ -n ${REGISTRY_ARTEFACTS:-} ]]; then tar --create --gzip --file="$folder/artefacts.tar.gz" --directory="$REGISTRY_ARTEFACTS" .; fi
copy_database "${ACRCAST_DATABASE:?sqlite:///PATH or postgresql://... of the audit}" audit
install -m 0600 "${ACRCAST_AUDIT_KEY_FILE:?the path of the audit key}" "$folder/audit.key"
(cd "$folder" && sha256sum -- * > complete)
echo "backup.sh: complete in $folder"
