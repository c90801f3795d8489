import type { IncomingMessage } from 'node:http'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { countMembers } from '@castellan/protocol'
import type { BodyMessage, FileMessage } from '../messages.ts'
import { AppRequestError } from './errors.ts'

/** A body as the app's cell is told it: what is binary travels beside, by its place. */
export interface Body {
  readonly message: BodyMessage
  readonly blobs: readonly Uint8Array[]
}

/** Fields and files of one form. */
const FORM_PARTS_MAX = 1_000
/** Nesting of a JSON body: deeper ones are made to exhaust a stack. */
const JSON_DEPTH_MAX = 200

/**
 * Reads the whole body and makes of it what its type says.
 *
 * @throws {AppRequestError} BODY_TOO_LARGE, BODY_INVALID
 */
export async function readAppBody(request: IncomingMessage, bytesMax: number): Promise<Body> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw new AppRequestError('BODY_INVALID', 'the body is encoded', 'send it without `Content-Encoding`')
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLargeError(bytesMax)
  const type = typeOf(request)
  if (type === 'multipart/form-data') return readForm(request, bytesMax)
  const bytes = await readBytes(request, bytesMax)
  if (bytes.length === 0) return { message: { type: 'none' }, blobs: [] }
  if (type === 'application/json' || type.endsWith('+json'))
    return plain({ type: 'json', value: parseJson(bytes) })
  if (type === 'application/x-www-form-urlencoded')
    return plain({ type: 'form', value: parseFields(textOf(bytes)) })
  if (type.startsWith('text/') || type.endsWith('xml')) return plain({ type: 'text', value: textOf(bytes) })
  return { message: { type: 'bytes', blob: 0 }, blobs: [bytes] }
}

function plain(message: BodyMessage): Body {
  return { message, blobs: [] }
}

function typeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

async function readBytes(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bytesMax) throw tooLargeError(bytesMax)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalidError('is not UTF-8')
  }
}

function parseJson(bytes: Uint8Array): unknown {
  const text = textOf(bytes)
  // Before it is parsed, here and in the cell.
  if (countMembers(text, JSON_DEPTH_MAX) < 0) throw invalidError(`is nested more than ${JSON_DEPTH_MAX} deep`)
  try {
    return JSON.parse(text)
  } catch {
    throw invalidError('is not JSON')
  }
}

/** A name given twice has a list. */
export function parseFields(text: string): Record<string, string | string[]> {
  const fields = Object.create(null) as Record<string, string | string[]>
  for (const [name, value] of new URLSearchParams(text)) addField(fields, name, value)
  return fields
}

function addField(fields: Record<string, string | string[]>, name: string, value: string): void {
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else if (Array.isArray(before)) before.push(value)
  else fields[name] = [before, value]
}

function readForm(request: IncomingMessage, bytesMax: number): Promise<Body> {
  return new Promise((resolve, reject) => {
    const fields = Object.create(null) as Record<string, string | string[]>
    const files: FileMessage[] = []
    const blobs: Uint8Array[] = []
    let length = 0
    const fail = (error: AppRequestError): void => {
      request.unpipe()
      request.off('data', count)
      reject(error)
    }
    const count = (chunk: Buffer): void => {
      length += chunk.length
      if (length > bytesMax) fail(tooLargeError(bytesMax))
    }
    const form = openForm(request)
    if (form === undefined) return reject(invalidError('is no form: it names no boundary'))
    form.on('field', (name, value) => addField(fields, name, value))
    form.on('file', (field, stream, name, _encoding, type) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        files.push({ field, name: baseName(name), type, blob: blobs.length })
        blobs.push(Buffer.concat(chunks))
      })
    })
    form.on('partsLimit', () => fail(invalidError(`has more than ${FORM_PARTS_MAX} parts`)))
    form.on('error', () => fail(invalidError('is no form as it says')))
    form.on('finish', () => resolve({ message: { type: 'multipart', fields, files }, blobs }))
    request.on('data', count)
    request.on('error', () => fail(invalidError('did not arrive')))
    request.on('aborted', () => fail(invalidError('did not arrive')))
    request.pipe(form)
  })
}

function openForm(request: IncomingMessage): BusboyInstance | undefined {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        parts: FORM_PARTS_MAX,
        fieldNameSize: 256,
        headerPairs: 32,
        fieldSize: Infinity,
        fileSize: Infinity,
      },
    })
  } catch {
    return undefined
  }
}

/** What a browser calls a file is a name, never a path. */
function baseName(name: string | undefined): string {
  return (name ?? '').split(/[/\\]/u).at(-1)!
}

function invalidError(problem: string): AppRequestError {
  return new AppRequestError('BODY_INVALID', `the body ${problem}`, 'send what `Content-Type` says')
}

function tooLargeError(bytesMax: number): AppRequestError {
  return new AppRequestError(
    'BODY_TOO_LARGE',
    `the body is larger than ${bytesMax} bytes`,
    'send less at once',
  )
}
