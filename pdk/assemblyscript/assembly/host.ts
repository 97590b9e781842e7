import { Malformed, Reader, Writer } from "./codec";
import { MeshError } from "./error";
import { CodePlugin } from "./generated/codes";

// @ts-ignore: decorator
@external("mesh", "take")
declare function hostTake(at: usize): void;

/** What an operation has come to: an error, or what the class adds. */
export class Outcome {
  /** Why it has failed; null: it has not. */
  error: MeshError | null = null;

  /** Whether it has failed. What else the outcome says means nothing then. */
  get failed(): bool {
    return this.error !== null;
  }

  /** Fetches the answer for the answer reader, and tells whether there is one. For the kit's own use. */
  take(result: u64): bool {
    const size = <i32>result;
    const owner = new ArrayBuffer(size);
    if (size > 0) hostTake(changetype<usize>(owner));
    answer.open(changetype<usize>(owner), size, owner);
    if (result >> 32 == 0) return true;
    this.error = MeshError.read(answer);
    return false;
  }

  /** Is take where nothing is kept but what is copied: a small answer allocates nothing. For the kit's own use. */
  takeSmall(result: u64): bool {
    if (result > SMALL) return this.take(result); // also where the upper half names an error
    const at = small;
    if (result > 0) hostTake(at);
    answer.open(at, <usize>result, null);
    return true;
  }

  /** Is take for the operations that return nothing. For the kit's own use. */
  takeNothing(result: u64): void {
    if (result >> 32 != 0) this.take(result);
  }

  /** Ends the reading of an answer. For the kit's own use. */
  done(): void {
    if (answer.malformed != Malformed.No) this.error = new MeshError(CodePlugin, "the host's answer is malformed");
  }
}

/** The size up to which an answer without JSON needs no memory of its own. */
// @ts-ignore: decorator
@inline const SMALL: u64 = 64;
const small: usize = memory.data(64);

/** Where the generated functions read an answer. */
export const answer: Reader = new Reader();

const call: Writer = new Writer();

/** Starts the arguments of a host call. */
export function begin(): Writer {
  call.reset();
  return call;
}
