import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { OpenApi } from '../openapi/document.ts'
import type { Operation, Parameter } from '../openapi/operation.ts'
import type { Reference, Response } from '../openapi/responses.ts'
import type { JsonSchema } from '../openapi/schemas.ts'
import { exampleOf, referredBy } from './example.ts'
import { Html, html, prose } from './html.ts'
import { fieldOf, fieldsOf, typeOf } from './schema.ts'

const STYLE = readAsset('page.css')
const SCRIPT = readAsset('page.js')

/** Nothing but what stands in the page itself, and requests to where it came from. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src '${fingerprint(STYLE)}'`,
  `script-src '${fingerprint(SCRIPT)}'`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function readAsset(name: string): string {
  return readFileSync(new URL(`../../assets/docs/${name}`, import.meta.url), 'utf8')
}

function fingerprint(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

/** The page of an OpenAPI document: all of it can be read without the script, which only sends requests. */
export function renderPage(document: OpenApi): string {
  const { info, components } = document
  const sections = sectionsOf(document)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${info.title} ${info.version}: HTTP</title>
        <link rel="icon" href="data:," />
        ${new Html(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the operations</a>
        <header>
          <h1>${info.title} <small>${info.version}</small></h1>
          <p><a href="openapi.json">OpenAPI ${document.openapi} document</a></p>
          <div class="token" hidden>
            <label for="token">Token</label>
            <input
              id="token"
              type="password"
              autocomplete="off"
              spellcheck="false"
              aria-describedby="token-hint"
            />
            <p id="token-hint">Kept in this page until it is closed, and sent nowhere but to this server.</p>
          </div>
        </header>
        <nav aria-label="Operations">
          <div class="filter" hidden>
            <label for="filter">Filter</label>
            <input id="filter" type="search" autocomplete="off" spellcheck="false" />
            <p id="found" role="status"></p>
          </div>
          ${sections.map(({ name, entries }) => renderContents(name, entries))}
        </nav>
        <main id="main" tabindex="-1">
          ${info.description.split('\n\n').map((text) => html`<p>${prose(text.replaceAll('\n', ' '))}</p>`)}
          ${sections.map(({ name, description, entries }) => renderSection(name, description, entries, document))}
          <section aria-labelledby="shapes">
            <h2 id="shapes">Shapes</h2>
            ${Object.entries(components.schemas).map(([name, schema]) => renderShape(name, schema))}
          </section>
        </main>
        ${new Html(`<script type="module">${SCRIPT}</script>`)}
      </body>
    </html> `
  return page.text
}

interface Section {
  readonly name: string
  readonly description: string
  readonly entries: readonly Entry[]
}

function sectionsOf({ paths, tags }: OpenApi): readonly Section[] {
  const entries = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
  return tags.map(({ name, description }) => ({
    name,
    description,
    entries: entries.filter(({ operation }) => operation.tags.includes(name)),
  }))
}

function renderContents(name: string, entries: readonly Entry[]): Html {
  return html`<h2>${name}</h2>
    <ul>
      ${entries.map(
        ({ method, path, operation }) =>
          html`<li data-operation="${operation.operationId}">
            <a href="#${operation.operationId}"><span class="method">${method}</span> ${path}</a>
          </li>`,
      )}
    </ul>`
}

function renderSection(
  name: string,
  description: string,
  entries: readonly Entry[],
  document: OpenApi,
): Html {
  const id = `about-${name}`
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${name}</h2>
    <p>${prose(description)}</p>
    ${entries.map((entry) => renderOperation(entry, document))}
  </section>`
}

function renderOperation({ method, path, operation }: Entry, document: OpenApi): Html {
  const { operationId: id, summary, requestBody } = operation
  const parameters = operation.parameters.filter((parameter) => 'name' in parameter)
  const body = requestBody?.content['application/json'].schema
  return html`<article id="${id}" aria-labelledby="${id}-title" data-operation="${id}">
    <h3 id="${id}-title">
      <span class="method method-${method.toLowerCase()}">${method}</span> <code>${path}</code>
    </h3>
    <p>${prose(summary)}${operation.security === undefined ? undefined : ' (open to anyone)'}</p>
    ${parameters.length === 0 ? undefined : renderParameters(parameters)}
    ${body && renderBody(body, document)}
    <h4>Answers</h4>
    ${renderResponses(operation.responses, document)}
    ${renderTry({ method, path, operation }, parameters, body, document)}
  </article>`
}

function renderParameters(parameters: readonly Parameter[]): Html {
  return html`<h4>Parameters</h4>
    <dl class="fields">
      ${parameters.map((parameter) =>
        fieldOf(
          parameter.name,
          parameter.schema,
          parameter.required,
          `${parameter.description ?? ''} (${parameter.in})`.trim(),
        ),
      )}
    </dl>`
}

/** Its fields stand here too, so that nobody has to jump to read them. */
function renderBody(schema: JsonSchema, document: OpenApi): Html {
  return html`<h4>Body</h4>
    <p>${typeOf(schema)}</p>
    ${fieldsOf(referredBy(schema, document))}`
}

function renderResponses(responses: Operation['responses'], document: OpenApi): Html {
  const all = Object.entries(responses).map(([status, response]) => ({
    status,
    response: resolve(response, document),
  }))
  const answers = all.filter(({ response }) => typesOf(response).some((type) => type !== PROBLEM))
  const refusals = all.filter(({ response }) => typesOf(response).includes(PROBLEM))
  return html`<dl class="fields">
      ${answers.map(
        ({ status, response }) =>
          html`<div>
            <dt>${status}</dt>
            <dd>
              ${prose(response.description)}${typesOf(response).map((type) => renderContent(type, response))}
            </dd>
          </div>`,
      )}
    </dl>
    <details>
      <summary>Refusals</summary>
      <dl class="fields">
        ${refusals.map(
          ({ status, response }) =>
            html`<div>
              <dt>${status}</dt>
              <dd>${prose(response.description)}</dd>
            </div>`,
        )}
      </dl>
    </details>`
}

const PROBLEM = 'application/problem+json'

function typesOf(response: Response): readonly string[] {
  return Object.keys(response.content)
}

function renderContent(type: string, { content }: Response): Html {
  return html`<br /><span class="type">${typeOf(content[type]!.schema)}</span> as <code>${type}</code>`
}

function resolve(response: Response | Reference, document: OpenApi): Response {
  if (!('$ref' in response)) return response
  const name = response.$ref.slice(response.$ref.lastIndexOf('/') + 1)
  return document.components.responses[name]!
}

/** Hidden until the script is there to do it. */
function renderTry(
  { method, path, operation }: Entry,
  parameters: readonly Parameter[],
  body: JsonSchema | undefined,
  document: OpenApi,
): Html {
  const id = operation.operationId
  return html`<details class="try" hidden>
    <summary>Try ${method} ${path}</summary>
    <form data-method="${method}" data-path="${path}">
      ${parameters.map(
        ({ name, in: place, required }) =>
          html`<label for="${id}-${name}">${name}</label>
            <input
              id="${id}-${name}"
              name="${name}"
              data-in="${place}"
              autocomplete="off"
              spellcheck="false"
              ${required ? html`required` : undefined}
            />`,
      )}
      ${body && renderBodyField(id, JSON.stringify(exampleOf(body, document), undefined, 2))}
      <p><button type="submit">Send</button> <button type="button" data-stop hidden>Stop</button></p>
      <div role="status"></div>
      <pre tabindex="0" aria-label="The answer of ${method} ${path}" hidden></pre>
    </form>
  </details>`
}

function renderBodyField(id: string, text: string): Html {
  return html`<label for="${id}-body">Body</label>
    <textarea id="${id}-body" rows="${Math.min(16, text.split('\n').length + 1)}" spellcheck="false">
${text}</textarea>`
}

function renderShape(name: string, schema: JsonSchema): Html {
  const about = schema['description']
  return html`<article id="schema-${name}" aria-labelledby="shape-${name}">
    <h3 id="shape-${name}">${name}</h3>
    ${typeof about === 'string' ? html`<p>${prose(about)}</p>` : undefined}
    ${fieldsOf(schema) ?? html`<p>${typeOf(schema)}</p>`}
  </article>`
}
