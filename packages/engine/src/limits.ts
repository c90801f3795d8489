/** Every limit of the model, in one place. They bind writes and sizes, never the truth of an answer. */
export const LIMITS = {
  /** Components of a permission string. Bounds what one string can explode to. */
  componentsMax: 32,
  /** Code points of one component, decoded, after rewriting. */
  componentCharactersMax: 256,
  /** UTF-8 bytes of a permission string, after rewriting. Keeps index keys small. */
  permissionBytesMax: 1024,
  /** UTF-16 units of a permission string before rewriting: a path may be longer than what it becomes. */
  permissionTextMax: 16_384,
  /** Resources from a root down to a leaf. Bounds the explosion of a string. */
  treeDepthMax: 100,
  /** Strings that one registered exploder adds to one string. */
  explosionMax: 64,
  /** Strings that one string explodes to where folders' strings are longer than their content's: tangles double. */
  explosionTotalMax: 10_000,
  /** Permissions in one call, and questions in one `checkEach`. */
  permissionsMax: 1000,
  /** Changes in one call. Bounds how long one commit blocks the others. */
  changesMax: 1000,
  /** Pairs of actor and permission that one preview compares for anyone but `system`; it holds the thread. */
  previewMax: 200_000,
  /** UTF-8 bytes of a grant's `extra`, as JSON. */
  extraBytesMax: 16_384,
  /** Objects within objects in `extra`. */
  extraDepthMax: 64,
  /** Nodes of one reading. What was left out is counted in it. */
  readingNodesMax: 10_000,
  /** Items in one page. */
  pageMax: 1000,
  /** Code points of a name, a description or a reason. */
  textMax: 1024,
  /** Modes of a namespace. */
  modesMax: 32,
  /** Smallest sets of facts that `explain` lists for one denial. */
  mendsMax: 100,
} as const
