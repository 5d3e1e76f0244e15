// The only door to the component library: pages use what is named here, so that another one could take its place.
export {
  ActionIcon,
  Alert,
  Anchor,
  Badge,
  Button,
  Checkbox,
  Collapse,
  Menu,
  Modal,
  NativeSelect,
  Paper,
  Radio,
  Skeleton,
  TextInput,
  Tooltip,
  VisuallyHidden,
} from "@mantine/core";
