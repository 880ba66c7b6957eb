/** What cannot be taken back is pressed twice: the first press asks, and forgets after a while. */
import { useEffect, useState } from 'preact/hooks';

const SURE_FOR_MS = 4_000;

export function useTwice(act: () => void): [boolean, () => void] {
  const [isAsked, setAsked] = useState(false);
  useEffect(() => {
    if (!isAsked) {
      return;
    }
    const timer = setTimeout(() => setAsked(false), SURE_FOR_MS);
    return () => clearTimeout(timer);
  }, [isAsked]);
  return [
    isAsked,
    () => {
      setAsked(!isAsked);
      if (isAsked) {
        act();
      }
    },
  ];
}
