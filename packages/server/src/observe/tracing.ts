import {
  context as otel,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context as TraceContext,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import type { IncomingMessage } from 'node:http'
import type { Exchange } from './exchange.ts'

const NAME = '@castellan/server'

/** A span that someone records. */
export class RequestSpan {
  readonly #span: Span
  readonly #context: TraceContext

  constructor(span: Span, parent: TraceContext) {
    this.#span = span
    this.#context = trace.setSpan(parent, span)
  }

  /** For lines of the log. */
  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  /** Runs what answers the request, so that spans begun in there are this one's children. */
  run<Result>(answer: () => Result): Result {
    return otel.with(this.#context, answer)
  }

  /** @param status - of the answer; undefined when there was none */
  end({ method, route, code, outcome }: Exchange, status: number | undefined, revision: number): void {
    const span = this.#span
    span.updateName(`${method} ${route}`)
    span.setAttributes({ 'http.route': route, 'castellan.revision': revision })
    if (status !== undefined) span.setAttribute('http.response.status_code', status)
    if (outcome !== undefined) span.setAttribute('castellan.outcome', outcome)
    if (code !== undefined) span.setAttributes({ 'error.type': code, 'castellan.code': code })
    // Of what a caller did wrong the server is not at fault, as the conventions for HTTP say.
    if (status !== undefined && status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }
}

/**
 * Begins the span of a request, as a child of the one that its headers name.
 *
 * @returns undefined when nobody has registered a recorder
 */
export function beginSpan(request: IncomingMessage, { method, route }: Exchange): RequestSpan | undefined {
  const tracer = findTracer()
  if (tracer === undefined) return undefined
  const parent = propagation.extract(ROOT_CONTEXT, request.headers)
  const span = tracer.startSpan(
    `${method} ${route}`,
    { kind: SpanKind.SERVER, attributes: { 'http.request.method': method } },
    parent,
  )
  return new RequestSpan(span, parent)
}

/** What stands in for a provider until one is registered, and hands on to it from then on. */
interface StandIn {
  getDelegateTracer?(name: string): Tracer | undefined
}

/** A tracer asked of the stand-in would begin spans that nobody records: so it is asked what is behind it. */
function findTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  const standIn = provider as StandIn
  return standIn.getDelegateTracer === undefined ? provider.getTracer(NAME) : standIn.getDelegateTracer(NAME)
}
