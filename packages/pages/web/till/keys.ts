/**
 * The keyboard of the whole page: a scanner from anywhere, and the function keys.
 *
 * Heard before the field that has the focus: when fast keys turn out to be a scan, what they typed into that field is taken out again.
 * Fields tell the page nothing of keys; buttons named below are pressed as if tapped, so a key offers no more than the screen does.
 */
import { useEffect } from 'preact/hooks';
import { GROUP_SEPARATOR, notScanning, typed } from './scanner.ts';
import type { Till } from './till.ts';

/** Keys and the `data-key` of what they press or focus. */
const PRESSED: ReadonlySet<string> = new Set(['F2', 'F4', 'F7', 'F8', 'F9', 'Escape']);

export function useKeys(till: Till): void {
  useEffect(() => {
    let scanning = notScanning;
    let before: { field: HTMLInputElement; value: string } | undefined;
    const onKey = (event: KeyboardEvent): void => {
      const isSeparator = event.ctrlKey && event.key === ']';
      if ((event.ctrlKey && !isSeparator) || event.metaKey || event.altKey) {
        return;
      }
      if (PRESSED.has(event.key)) {
        press(event);
        return;
      }
      const step = typed(scanning, isSeparator ? GROUP_SEPARATOR : event.key, event.timeStamp);
      if (step.scanning.text.length === 1) {
        const { activeElement } = document;
        before =
          activeElement instanceof HTMLInputElement
            ? { field: activeElement, value: activeElement.value }
            : undefined;
      }
      ({ scanning } = step);
      if (step.scanned === undefined) {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      if (before !== undefined) {
        before.field.value = before.value;
        before.field.dispatchEvent(new Event('input', { bubbles: true }));
      }
      void till.scan(step.scanned);
    };
    document.addEventListener('keydown', onKey, true);
    return () => document.removeEventListener('keydown', onKey, true);
  }, [till]);
}

function press(event: KeyboardEvent): void {
  const target = document.querySelector<HTMLElement>(`[data-key="${event.key}"]`);
  if (target === null) {
    return;
  }
  event.preventDefault();
  if (target instanceof HTMLInputElement) {
    target.focus();
    target.select();
  } else {
    target.click();
  }
}
