// The fields of payloads.
import { badPayload, failure } from "./host";
import { areTexts, isInteger, isNull, isText, isTruth, member, text } from "./json";

// field returns the JSON text of a member of a payload. Its kind is text, value,
// integer, truth, texts or base64, with "?" where it may be missing or null, which
// is "" then. What is wrong is the failure, unless an earlier one explains it.
export function field(payload: string, name: string, kind: string): string {
  if (failure != "") return "";
  const optional = kind.endsWith("?");
  const bare = optional ? kind.substring(0, kind.length - 1) : kind;
  const value = member(payload, name);
  if (value == "" || (optional && isNull(value))) {
    if (!optional) badPayload("field \"" + name + "\" is missing");
    return "";
  }
  const problem = wrong(bare, value);
  if (problem == "") return value;
  badPayload("field \"" + name + "\" must be " + problem);
  return "";
}

function wrong(kind: string, value: string): string {
  if (kind == "text" && !isText(value)) return "text";
  if (kind == "integer" && !isInteger(value)) return "an integer";
  if (kind == "truth" && !isTruth(value)) return "true or false";
  if (kind == "texts" && !areTexts(value)) return "a list of text";
  if (kind == "base64" && !isText(value)) return "text";
  if (kind == "base64" && !isBase64(text(value))) return "base64";
  return "";
}

function isBase64(s: string): bool {
  if (s.length % 4 != 0) return false;
  let end = s.length;
  if (s.endsWith("==")) end -= 2;
  else if (s.endsWith("=")) end--;
  for (let i = 0; i < end; i++) {
    const c = s.charCodeAt(i);
    const letter = (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a;
    if (!letter && !(c >= 0x2f && c <= 0x39) && c != 0x2b) return false;
  }
  return true;
}

// words returns the text of a field that was found to be text, "" of a missing one.
export function words(value: string): string { return value == "" ? "" : text(value); }
