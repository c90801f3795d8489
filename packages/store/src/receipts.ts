/** How long a receipt is kept, in milliseconds: a day, by when whoever tries again has given up. */
export const RECEIPT_MS = 86_400_000
/** Receipts kept. One takes some 500 bytes, of a large batch 60 KB; the oldest make room. */
export const RECEIPTS_MAX = 100_000
