import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { serverPath } from "../base";
import { client, onSessionEnd, take } from "./client";
import { ENVIRONMENTS, Feed } from "./feed";
import { Stream, type StreamState } from "./stream";

interface Live {
  readonly feed: Feed;
  readonly state: StreamState;
  readonly sessionEnded: boolean;
  readonly retry: () => void;
}

const LiveContext = createContext<Live | undefined>(undefined);

// While the stream is away, the list is read every few seconds; while it is there, a rare reading finds what no change
// announces: a right that was given or taken.
const POLL_MS = 5000;
const CHECK_MS = 60_000;
// A tab that slept longer than this may sit on a connection that nobody holds any more.
const SLEEP_MS = 60_000;
const TICK_MS = 15_000;

/** Keeps the list current for everything below it, and knows whether that works and the session still holds. */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const [feed] = useState(() => new Feed(queries));
  const [state, setState] = useState<StreamState>({ live: true, heardAt: Date.now() });
  const [sessionEnded, setSessionEnded] = useState(false);
  const stream = useRef<Stream>(undefined);

  useEffect(() => {
    const opened = new Stream({
      url: serverPath("/api/v1/environments/stream"),
      onChange: (change) => feed.apply(change),
      onReset: () => void queries.invalidateQueries({ queryKey: ENVIRONMENTS }),
      onState: setState,
    });
    stream.current = opened;
    opened.open();
    const stopWatching = onWake(() => opened.open());
    return () => {
      stopWatching();
      opened.close();
    };
  }, [feed, queries]);

  useEffect(() => onSessionEnd(() => setSessionEnded(true)), []);
  useEffect(() => {
    if (!sessionEnded) {
      return;
    }
    const check = async () => {
      const { response } = await client.GET("/api/v1/me").catch(() => ({ response: undefined }));
      if (response?.ok) {
        setSessionEnded(false);
        stream.current?.open();
        await queries.invalidateQueries();
      }
    };
    window.addEventListener("focus", check);
    return () => window.removeEventListener("focus", check);
  }, [sessionEnded, queries]);

  // A refused stream does not say why; a request does, and finds an ended session.
  useEffect(() => {
    if (!state.live) {
      take(client.GET("/api/v1/me")).catch(() => undefined);
    }
  }, [state.live]);

  const value = useMemo(
    () => ({
      feed,
      state,
      sessionEnded,
      retry: () => {
        stream.current?.open();
        void queries.invalidateQueries();
      },
    }),
    [feed, state, sessionEnded, queries],
  );
  return <LiveContext value={value}>{children}</LiveContext>;
}

/** Calls `wake` when the machine or the tab has slept for more than a minute. */
function onWake(wake: () => void): () => void {
  let last = Date.now();
  const look = () => {
    const slept = Date.now() - last > SLEEP_MS;
    last = Date.now();
    if (slept) {
      wake();
    }
  };
  const timer = setInterval(look, TICK_MS);
  document.addEventListener("visibilitychange", look);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
  };
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) {
    throw new Error("useLive needs a LiveProvider above it");
  }
  return live;
}

/** Every environment that the person may open, by uid. */
export function useEnvironments() {
  const { feed, state, sessionEnded } = useLive();
  return useQuery({
    queryKey: ENVIRONMENTS,
    queryFn: ({ signal }) => feed.load(signal),
    structuralSharing: false,
    refetchInterval: sessionEnded ? false : state.live ? CHECK_MS : POLL_MS,
    refetchIntervalInBackground: false,
  });
}
