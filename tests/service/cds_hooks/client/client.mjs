// A record system in a browser, for tests: it asks a CDS Hooks service as the public sandbox does and shows its cards.
// `run(options)` is called by the test; options: service, hook, context, issuer, jku, key (JWK), fhirServer, fhirToken, prefetch.
import { marked } from './marked.esm.js';

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const encoded = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

async function token({ issuer, jku, key }, address) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384' };
  const signing = await crypto.subtle.importKey('jwk', key, algorithm, false, ['sign']);
  // rounded, as clients do: up to half a second in the future
  const now = Math.round(Date.now() / 1000);
  const header = { alg: 'ES384', typ: 'JWT', kid: key.kid, ...(jku ? { jku } : {}) };
  const claims = { iss: issuer, aud: address, iat: now, exp: now + 300, jti: crypto.randomUUID() };
  const signed = `${encoded(header)}.${encoded(claims)}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, signing, new TextEncoder().encode(signed));
  return `${signed}.${base64url(signature)}`;
}

async function call(options, address, body) {
  const headers = { Authorization: `Bearer ${await token(options, address)}`, 'Content-Type': 'application/json' };
  const answer = await fetch(address, body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

async function prefetched({ fhirServer, fhirToken, context }, template) {
  const [path, query] = template.replaceAll('{{context.patientId}}', context.patientId).split('?');
  const headers = { Authorization: `Bearer ${fhirToken}`, Accept: 'application/fhir+json' };
  const answer = query === undefined
    ? await fetch(`${fhirServer}/${path}`, { headers })
    : await fetch(`${fhirServer}/${path}/_search`, { method: 'POST', headers, body: new URLSearchParams(query) });
  return answer.ok ? answer.json() : null;
}

function shown(options, address, card) {
  const element = document.createElement('article');
  element.className = `card ${card.indicator}`;
  const add = (tag, text, name) => {
    const part = document.createElement(tag);
    part.className = name ?? '';
    part.textContent = text;
    element.append(part);
    return part;
  };
  add('p', card.summary, 'summary');
  add('div', '', 'detail').innerHTML = marked.parse(card.detail ?? '', { gfm: true });
  for (const link of card.links ?? []) Object.assign(add('a', link.label, 'link'), { href: link.url, target: '_blank' });
  add('p', `Source: ${card.source.label}`, 'source');
  if (!card.uuid) return element;
  const tell = async (outcome, more = {}) => {
    const feedback = [{ card: card.uuid, outcome, outcomeTimestamp: new Date().toISOString(), ...more }];
    await call(options, `${address}/feedback`, { feedback });
    state(`feedback sent: ${outcome}`);
  };
  add('button', 'Useful', 'accept').onclick = () => tell('accepted');
  const reasons = add('select', '', 'reasons');
  for (const reason of card.overrideReasons ?? []) reasons.append(new Option(reason.display, JSON.stringify(reason)));
  add('button', 'Dismiss', 'override').onclick = () =>
    tell('overridden', { overrideReason: { reason: JSON.parse(reasons.value), userComment: 'seen on the ward' } });
  return element;
}

function state(text) {
  document.getElementById('state').textContent = text;
}

window.run = async (options) => {
  try {
    const { services } = await call(options, `${options.service}/cds-services`);
    const service = services.find((each) => each.hook === options.hook);
    const address = `${options.service}/cds-services/${service.id}`;
    const prefetch = {};
    if (options.prefetch)
      for (const [key, template] of Object.entries(service.prefetch)) prefetch[key] = await prefetched(options, template);
    const request = {
      hook: options.hook,
      hookInstance: crypto.randomUUID(),
      context: options.context,
      fhirServer: options.fhirServer,
      fhirAuthorization: { access_token: options.fhirToken, token_type: 'Bearer', expires_in: 300, scope: 'user/*.read', subject: 'acrcast' },
      ...(options.prefetch ? { prefetch } : {}),
    };
    const { cards } = await call(options, address, request);
    document.getElementById('cards').replaceChildren(...cards.map((card) => shown(options, address, card)));
    state(`${cards.length} cards`);
    return { services, cards };
  } catch (error) {
    state(`failed: ${error.message}`);
    throw error;
  }
};
state('ready');
