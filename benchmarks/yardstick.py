"""The yardstick of benchmarks/serving.py: what FastAPI and pydantic take to read the same patient and answer with a constant."""

from fastapi import FastAPI

from acrcast.studies import load_study

Patient = load_study("ld-il2-ra").patient
app = FastAPI()


@app.post("/predict")
async def predict(patient: Patient) -> dict[str, float]:  # type: ignore[valid-type]  # noqa: ARG001  read, and no more
    return {"probability": 0.5}
