import { Worker } from 'node:worker_threads'
import { encodeFrame, FrameReader, type Frame, type FrameLimits } from '../../frames.ts'

/** Ends this process when the host is gone, also while native code keeps its main thread. */
const WATCH = `
  const host = process.ppid
  setInterval(() => { if (process.ppid !== host) process.kill(process.pid, 'SIGKILL') }, 500)
`

/** The other side of a {@link Helper}: answers one frame with one frame, until its input ends. */
export function serve(
  frames: FrameLimits,
  work: (frame: Frame) => Promise<{ readonly head: unknown; readonly blobs?: readonly Uint8Array[] }>,
  close: () => void,
): void {
  const watch = new Worker(WATCH, {
    eval: true,
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  })
  watch.unref()
  const reader = new FrameReader(frames)
  process.stdin.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      work(frame).then(
        ({ head, blobs }) => process.stdout.write(encodeFrame(head, blobs ?? [], frames)),
        () => process.exit(1),
      )
    }
  })
  process.stdin.on('end', () => {
    close()
    process.exit(0)
  })
}
