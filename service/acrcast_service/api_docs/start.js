"use strict";

// Swagger UI 4 draws OpenAPI 3.0 and refuses 3.1 by its number alone. What is 3.1 here (a type joined with null, a pair)
// it shows as it is written.
fetch("openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(response.status)))
  .then((document) => {
    SwaggerUIBundle({
      spec: { ...document, openapi: "3.0.3" },
      dom_id: "#swagger-ui",
      deepLinking: true,
      validatorUrl: null,
      presets: [SwaggerUIBundle.presets.apis],
      layout: "BaseLayout",
    });
  })
  .catch((reason) => {
    document.getElementById("swagger-ui").textContent = `The API's description could not be read (${reason}).`;
  });
