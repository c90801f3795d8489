// Letters that some file systems pass over when they compare names.
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu

/**
 * Whether some file system takes a name at the top of an app for its private folder: some fold case and width, some pass
 * letters over. Asked wherever a path could lead there, so that all of them give one answer.
 */
export function isBoxName(name: string | undefined): boolean {
  return name !== undefined && name.replaceAll(IGNORABLE, '').normalize('NFKC').toLowerCase() === 'box'
}
