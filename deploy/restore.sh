#!/usr/bin/env bash
# Puts back what backup.sh copied, into databases that are empty and files that do not exist; it overwrites nothing.
#
#   deploy/restore.sh FOLDER     the same environment as backup.sh; then: acrcast audit verify
#
# Stop servers first. A backup that is not complete, or was changed since, is refused before anything is touched.
set -euo pipefail
folder=$(cd "${1:?usage: restore.sh FOLDER}" && pwd)
(cd "$folder" && sha256sum --check --quiet --strict complete)

put_database() { # ADDRESS NAME
  case $1 in
    sqlite:///*)
      [[ ! -e ${1#sqlite:///} ]] || { echo "restore.sh: $2: the file is there already" >&2; exit 3; }
      install -m 0600 "$folder/$2.sqlite" "${1#sqlite:///}" ;;
    postgresql*://*) pg_restore --exit-on-error --single-transaction --no-owner --dbname="postgresql://${1#*://}" "$folder/$2.dump" ;;
    *) echo "restore.sh: $2: expected sqlite:///PATH or postgresql://..." >&2; exit 2 ;;
  esac
}

if [[ -e ${ACRCAST_AUDIT_KEY_FILE:?the path of the audit key} ]] && ! cmp --silent "$ACRCAST_AUDIT_KEY_FILE" "$folder/audit.key"; then
  echo "restore.sh: another audit key is there already: its own records would become unreadable" >&2
  exit 3
fi
if [[ -n ${REGISTRY_DATABASE:-} ]]; then put_database "$REGISTRY_DATABASE" registry; fi
if [[ -n ${REGISTRY_ARTEFACTS:-} ]]; then
  [[ -z $(ls -A "$REGISTRY_ARTEFACTS" 2>/dev/null) ]] || { echo "restore.sh: artefacts: the folder is not empty" >&2; exit 3; }
  mkdir -p "$REGISTRY_ARTEFACTS"
  tar --extract --gzip --file="$folder/artefacts.tar.gz" --directory="$REGISTRY_ARTEFACTS"
fi
put_database "${ACRCAST_DATABASE:?sqlite:///PATH or postgresql://... of the audit}" audit
install -m 0600 "$folder/audit.key" "$ACRCAST_AUDIT_KEY_FILE"
echo "restore.sh: put back; now: acrcast audit verify"
