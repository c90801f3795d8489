/** A permission key of the manifest: the permission `module:<key>`, held by `app:<name>`. */
export type Key = (typeof KEYS)[number]['key']

/** How much harm a key can do in the wrong hands. */
export type Risk = 'critical' | 'high' | 'medium'

/** What a key gives, in one place: the command, the console and the documents all print this. */
export interface KeyRow {
  readonly key: string
  /** What an administrator says yes to, as one sentence. */
  readonly sentence: string
  readonly risk: Risk
  /** What a grant of it may carry in its `extra`, each with what it means. */
  readonly parameters: Readonly<Record<string, string>>
}

export const KEYS = [
  {
    key: 'platform',
    sentence: 'Install, upgrade, delete and permit other apps, as far as the administrator who uses it may.',
    risk: 'critical',
    parameters: {},
  },
  {
    key: 'db',
    sentence: 'Read and change everything in the databases set up for it.',
    risk: 'high',
    parameters: {},
  },
  {
    key: 'cache',
    sentence: 'Keep values for a while in a cache that no other app sees.',
    risk: 'high',
    parameters: {},
  },
  {
    key: 'httpclient',
    sentence: 'Send requests to other servers, and with them whatever it knows.',
    risk: 'high',
    parameters: {
      hosts: 'the only hosts it may call, as in ["api.example.com"]; all public ones when left out',
    },
  },
  {
    key: 'fs',
    sentence: 'Read and write files in its own two folders.',
    risk: 'medium',
    parameters: {
      readOnly: 'true: it may not write',
      quotaBytes: 'most bytes that its own files may take',
    },
  },
  { key: 'pdf', sentence: 'Make PDF documents.', risk: 'medium', parameters: {} },
  { key: 'zip', sentence: 'Make and unpack ZIP archives.', risk: 'medium', parameters: {} },
  { key: 'image', sentence: 'Change images.', risk: 'medium', parameters: {} },
] as const satisfies readonly KeyRow[]

export function isKey(text: string): text is Key {
  return KEYS.some(({ key }) => key === text)
}
