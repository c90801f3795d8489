import { z } from 'zod'
import type { FrameLimits } from '../../frames.ts'

export const RENDER_FRAMES: FrameLimits = { frameBytesMax: 96 * 1024 * 1024, blobsMax: 64 }
/** Longest side of an image that is made, and most pixels in it. */
const SIDE_MAX = 8_192
export const PIXELS_MAX = 25_000_000

const side = z.int().min(1).max(SIDE_MAX)
const offset = z.int().min(-SIDE_MAX).max(SIDE_MAX)
const color = z
  .string()
  .max(64)
  .regex(/^[#\w(),.%\s/-]+$/)

const step = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('resize'),
    width: side.optional(),
    height: side.optional(),
    fit: z.enum(['cover', 'contain', 'fill', 'inside', 'outside']).optional(),
    position: z
      .string()
      .max(20)
      .regex(/^[a-z ]+$/)
      .optional(),
    background: color.optional(),
    withoutEnlargement: z.boolean().optional(),
    withoutReduction: z.boolean().optional(),
  }),
  z.strictObject({ do: z.literal('rotate'), angle: z.number().min(-3_600).max(3_600) }),
  z.strictObject({ do: z.enum(['flip', 'flop', 'greyscale', 'sharpen']) }),
  z.strictObject({ do: z.literal('blur'), sigma: z.number().min(0.3).max(100).optional() }),
  z.strictObject({
    do: z.literal('composite'),
    blob: z.int().min(1).max(16),
    left: offset.optional(),
    top: offset.optional(),
    opacity: z.number().min(0).max(1).optional(),
  }),
  z.strictObject({
    do: z.literal('format'),
    format: z.enum(['jpeg', 'jpg', 'png', 'webp', 'gif', 'avif', 'tiff']),
    quality: z.int().min(1).max(100).optional(),
    compressionLevel: z.int().min(0).max(9).optional(),
    effort: z.int().min(0).max(9).optional(),
  }),
])

export const imageShape = z.strictObject({ steps: z.array(step).max(32) })

const family = z.string().min(1).max(64)

export const chartShape = z
  .strictObject({
    width: side,
    height: side,
    background: color.optional(),
    charts: z
      .array(
        z.strictObject({
          left: offset,
          top: offset,
          width: side,
          height: side,
          json: z.string().max(2_000_000),
        }),
      )
      .min(1)
      .max(32),
    fonts: z.array(family).max(16),
  })
  .refine(({ width, height }) => width * height <= PIXELS_MAX, 'the image has too many pixels')

export type ImageStep = z.infer<typeof step>
export type ChartArgs = z.infer<typeof chartShape>

export type RenderCommand =
  | { readonly do: 'image'; readonly steps: readonly ImageStep[] }
  | { readonly do: 'chart'; readonly args: ChartArgs }

export type RenderAnswer =
  | { readonly ok: true }
  | { readonly error: { readonly code: string; readonly message: string } }
