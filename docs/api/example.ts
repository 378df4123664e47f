// One patient, asked for with the types that are made from the server's own description.
import type { components, operations } from "./acrcast-api";

type Patient = components["schemas"]["Patient"];
type Prediction = components["schemas"]["Prediction"];
type Problem = components["schemas"]["ProblemBody"];
type Headers = NonNullable<operations["predict"]["parameters"]["header"]>;

export async function predict(server: string, key: string, patient: Patient): Promise<Prediction> {
  const named: Headers = { "Idempotency-Key": crypto.randomUUID() };
  const answered = await fetch(`${server}/predict`, {
    method: "POST",
    headers: { ...named, Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(patient),
  });
  if (!answered.ok) {
    const problem = (await answered.json()) as Problem;
    const fields = problem.errors ?? [];
    throw new Error([problem.title, ...fields.map(({ field, message }) => `${field}: ${message}`)].join("; "));
  }
  return (await answered.json()) as Prediction;
}

export function inWords({ treated, benefit, model, cautions }: Prediction): string {
  const [low, high] = treated.interval;
  const gain = benefit === undefined ? "" : `, ${benefit.difference} more than without it`;
  return `${treated.probability} (${low} to ${high})${gain}; ${model.training_data} data. ${cautions.join(" ")}`;
}
