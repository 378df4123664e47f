// Factors by the UCUM reference: reads a JSON list of [from, to], prints a list of numbers, null where there is none.
import ucum from "@lhncbc/ucum-lhc";
import { readFileSync } from "node:fs";

const units = ucum.UcumLhcUtils.getInstance();
const factor = ([from, to]) => {
  const done = units.convertUnitTo(from, 1, to);
  return done.status === "succeeded" ? done.toVal : null;
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(factor)));
