import { readFileSync } from 'node:fs'
import type { Sealing } from '../seal/stages.ts'
import { secondStage } from '../seal/stages.ts'
import { type BufferSources, makeBuffer } from './endowments/bytes.ts'
import type { BufferShim } from './module.ts'
import { loadSes, type Ses } from './ses.ts'

/** What a cell is told by its command line. Nothing in it is secret, or of an app. */
export interface Boot {
  /** Undefined where processes cannot be sealed. */
  readonly sealing?: Sealing
  /** Files that the host has found. */
  readonly ses: string
  readonly buffer: string
  readonly base64: string
  readonly ieee754: string
}

export interface Runtime {
  readonly ses: Ses
  readonly Buffer: BufferShim
}

export function parseBoot(argument: string | undefined): Boot {
  return JSON.parse(argument ?? '') as Boot
}

/** Loads what an app runs on, and makes the language unchangeable. */
export function loadRuntime(boot: Boot): Runtime {
  const ses = loadSes(boot.ses)
  const sources: BufferSources = {
    buffer: readFileSync(boot.buffer, 'utf8'),
    base64: readFileSync(boot.base64, 'utf8'),
    ieee754: readFileSync(boot.ieee754, 'utf8'),
  }
  ses.lockdown()
  return { ses, Buffer: makeBuffer(ses, sources) }
}

/** After this the process can do nothing but compute and speak through the pipes that are open. */
export function seal({ sealing }: Boot): void {
  if (sealing !== undefined) secondStage(sealing)
  ;(process.permission as { drop?(scope: string): void } | undefined)?.drop?.('fs')
}
