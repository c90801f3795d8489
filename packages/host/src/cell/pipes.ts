import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { encodeFrame, type Frame, type FrameLimits, FrameReader } from '../frames.ts'
import type { CallError, ToCell, ToHost } from '../messages.ts'
import { exit } from './exit.ts'
import type { Answered, Calls } from './module.ts'

/** The two ways out of a cell: frames on stdin and stdout, and one synchronous call at a time on the third descriptor. */
export interface Pipes extends Calls {
  send(message: ToHost, blobs?: readonly Uint8Array[]): void
}

const STDIN = 0
const STDOUT = 1
/** A pipe in both directions, though programs call it stderr. */
const SYNCHRONOUS = 2
/** Larger than any frame a host sends: a cell believes its host, and its memory is bounded anyway. */
const LIMITS: FrameLimits = { frameBytesMax: 0x3fffffff, blobsMax: 65_536 }
const READ_BYTES = 65_536

/** @param hear - what the host says, but for answers to calls */
export function openPipes(hear: (message: ToCell, blobs: readonly Uint8Array[]) => void): Pipes {
  const waiting = new Map<number, PromiseWithResolvers<Answered>>()
  let lastId = 0
  const output = new Socket({ fd: STDOUT, readable: false, writable: true })
  let isCorked = false

  const send: Pipes['send'] = (message, blobs) => {
    const frame = encodeFrame(message, blobs)
    if (!isCorked) {
      // What is said in one turn is written at once.
      isCorked = true
      output.cork()
      process.nextTick(() => {
        isCorked = false
        output.uncork()
      })
    }
    output.write(frame)
  }

  const answered = (message: ToCell & { kind: 'answer' }, blobs: readonly Uint8Array[]) => {
    const call = waiting.get(message.id)
    if (call === undefined) return
    waiting.delete(message.id)
    if ('error' in message) call.reject(errorOf(message.error))
    else call.resolve({ value: message.ok, blobs })
  }

  listen((message, blobs) => (message.kind === 'answer' ? answered(message, blobs) : hear(message, blobs)))

  return {
    send,
    call: async (op, args, blobs) => {
      const call = Promise.withResolvers<Answered>()
      const id = ++lastId
      // First: what cannot be sent is waited for by nobody.
      send({ kind: 'call', id, op, args }, blobs)
      waiting.set(id, call)
      return await call.promise
    },
    callSync: (op, args, blobs) => {
      const id = ++lastId
      writeAll(encodeFrame({ kind: 'call', id, op, args } satisfies ToHost, blobs))
      const { head, blobs: answerBlobs } = readFrame()
      const message = head as ToCell & { kind: 'answer' }
      if ('error' in message) throw errorOf(message.error)
      return { value: message.ok, blobs: answerBlobs }
    },
  }
}

function listen(hear: (message: ToCell, blobs: readonly Uint8Array[]) => void): void {
  const input = new Socket({ fd: STDIN, readable: true, writable: false })
  const reader = new FrameReader(LIMITS)
  input.on('data', (chunk: Uint8Array) => {
    for (const { head, blobs } of reader.push(chunk)) hear(head as ToCell, blobs)
  })
  // The host has gone, or wants this process gone. Not `process.exit`: that would look at files it cannot see any more.
  input.on('close', () => exit(0))
  input.on('error', () => exit(0))
}

function writeAll(bytes: Uint8Array): void {
  let at = 0
  while (at < bytes.length) at += writeSync(SYNCHRONOUS, bytes, at)
}

function readFrame(): Frame {
  const reader = new FrameReader(LIMITS)
  const chunk = new Uint8Array(READ_BYTES)
  for (;;) {
    const length = readSync(SYNCHRONOUS, chunk)
    if (length === 0) exit(0)
    for (const frame of reader.push(chunk.subarray(0, length))) return frame
  }
}

/** An error as an app sees it, of the app's own realm. */
function errorOf({ message, ...fields }: CallError): Error {
  return Object.assign(new Error(message), fields)
}
