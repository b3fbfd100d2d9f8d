const ASCII = /^[\x20-\x7e]*$/;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]/u;
const EMOJI_VARIANT = /\ufe0f/;
const INVISIBLE = /^[\p{Mark}\p{Format}\u200b-\u200d]+$/u;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  return WIDE.test(grapheme) || EMOJI_VARIANT.test(grapheme) ? 2 : 1;
}

/** Number of columns that a text without control characters takes on a terminal. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** Cuts a text that is wider than `width` columns and marks the cut with an ellipsis. */
export function truncateText(text: string, width: number): string {
  if (text.length <= width && ASCII.test(text)) return text;
  if (textWidth(text) <= width) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of segmenter.segment(text)) {
    used += graphemeWidth(segment);
    if (used > width) break;
    kept += segment;
  }
  return `${kept}…`;
}
