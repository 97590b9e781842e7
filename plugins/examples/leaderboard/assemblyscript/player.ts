import { Call } from "@mesh-host/as-pdk";

/** The longest name, in bytes: with it the key of a score is as long as keys may be. */
const MAX_NAME = 128;

/** Who scores. A guest who has chosen a user's name is still someone else. */
export class Player {
  constructor(
    public name: string,
    /** Whether an auth plugin knows them. */
    public isUser: bool,
  ) {}

  /** Whether they can be listed. */
  get isValid(): bool {
    return this.name.length > 0 && String.UTF8.byteLength(this.name) <= MAX_NAME;
  }

  /** A name that no other player has. */
  get key(): string {
    return (this.isUser ? "user:" : "guest:") + this.name;
  }

  /** Returns the caller: its user, or else the name in its metadata, which chat and whiteboard let it choose. */
  static calling(c: Call): Player {
    const user = c.user;
    return user.length > 0 ? new Player(user, true) : new Player(c.metadata.get("name").asText(), false);
  }
}
