// What every browser and every maintained Node has, for the packages that run in both: add a name when one needs it.

declare function atob(base64: string): string
declare function btoa(binary: string): string
declare function structuredClone<T>(value: T): T

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
}

declare class TextDecoder {
  constructor(encoding?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean })
  decode(bytes?: Uint8Array): string
}

declare const performance: { now(): number }
